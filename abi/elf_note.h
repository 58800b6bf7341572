/* SPDX-License-Identifier: MIT
 *
 * The ELF note by which a kernel says that it was built for Vitrine.
 *
 * Beside its PVH note (owner "Xen", type 18) the bundled guest carries a note of owner "Vitrine".
 * A loader that finds it
 *   - adds the FDT as a PVH module whose command line is PVH_MODULE_FDT, and
 *   - may enter at entry64 directly: 64-bit mode, paging on, the first 4 GiB identity-mapped,
 *     flat segments from the boot GDT, interrupts off, rbx = GPA of hvm_start_info.
 * Loaders that don't know the note use the 32-bit PVH entry; the kernel must not care which.
 */
#ifndef VITRINE_ABI_ELF_NOTE_H
#define VITRINE_ABI_ELF_NOTE_H

#define ELF_NOTE_VITRINE_OWNER "Vitrine"
#define ELF_NOTE_VITRINE_ENTRY64 1 /* descriptor: uint64_t, physical address of the 64-bit entry */
#define ELF_NOTE_PVH_OWNER "Xen"
#define ELF_NOTE_PVH_ENTRY32 18 /* descriptor: uint32_t or uint64_t, physical address */
#define PVH_MODULE_FDT "fdt"

#endif
