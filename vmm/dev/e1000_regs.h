/* SPDX-License-Identifier: MIT
 *
 * Registers and descriptors of the 82540EM, with the names and bits of the SDM (chapters 3 and 13).
 */
#ifndef VITRINE_DEV_E1000_REGS_H
#define VITRINE_DEV_E1000_REGS_H

#include <stdint.h>

/* Offsets, SDM table 13-2 */
enum {
	E1000_CTRL = 0x0000,
	E1000_STATUS = 0x0008,
	E1000_EECD = 0x0010,
	E1000_EERD = 0x0014,
	E1000_MDIC = 0x0020,
	E1000_VET = 0x0038,
	E1000_ICR = 0x00c0,
	E1000_ITR = 0x00c4,
	E1000_ICS = 0x00c8,
	E1000_IMS = 0x00d0,
	E1000_IMC = 0x00d8,
	E1000_RCTL = 0x0100,
	E1000_TCTL = 0x0400,
	E1000_PBA = 0x1000,
	E1000_RDBAL = 0x2800,
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810,
	E1000_RDT = 0x2818,
	E1000_RDTR = 0x2820,
	E1000_RADV = 0x282c,
	E1000_TDBAL = 0x3800,
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,
	E1000_TDH = 0x3810,
	E1000_TDT = 0x3818,
	E1000_TIDV = 0x3820,
	E1000_TXDCTL = 0x3828,
	E1000_TADV = 0x382c,
	E1000_CRCERRS = 0x4000, /* first of the statistics */
	E1000_MPC = 0x4010,
	E1000_PRC64 = 0x405c, /* six counters by size */
	E1000_GPRC = 0x4074,
	E1000_BPRC = 0x4078,
	E1000_MPRC = 0x407c,
	E1000_GPTC = 0x4080,
	E1000_GORCL = 0x4088,
	E1000_GOTCL = 0x4090,
	E1000_RUC = 0x40a4,
	E1000_ROC = 0x40ac,
	E1000_TORL = 0x40c0,
	E1000_TOTL = 0x40c8,
	E1000_TPR = 0x40d0,
	E1000_TPT = 0x40d4,
	E1000_PTC64 = 0x40d8, /* six counters by size */
	E1000_MPTC = 0x40f0,
	E1000_BPTC = 0x40f4,
	E1000_TSCTC = 0x40f8,
	E1000_STATISTICS_END = 0x4100,
	E1000_RXCSUM = 0x5000,
	E1000_MTA = 0x5200,
	E1000_RAL = 0x5400,
	E1000_RAH = 0x5404,
	E1000_VFTA = 0x5600,
	E1000_REGISTERS_END = 0x5900
};

#define E1000_MTA_WORDS 128
#define E1000_RAR_COUNT 16
#define E1000_VFTA_WORDS 128

enum {
	/* CTRL, SDM 13.4.1 */
	CTRL_SLU = 1u << 6,
	CTRL_RST = 1u << 26,
	CTRL_VME = 1u << 30,
	CTRL_PHY_RST = 1u << 31,

	/* STATUS, 13.4.2 */
	STATUS_FD = 1 << 0,
	STATUS_LU = 1 << 1,
	STATUS_SPEED_1000 = 2 << 6,
	STATUS_ASDV_1000 = 2 << 8,
	STATUS_MTXCKOK = 1 << 10,

	/* EECD, 13.4.3; EERD, 13.4.4 */
	EECD_SK = 1 << 0,
	EECD_CS = 1 << 1,
	EECD_DI = 1 << 2,
	EECD_DO = 1 << 3,
	EECD_FWE_DISABLE = 1 << 4,
	EECD_REQ = 1 << 6,
	EECD_GNT = 1 << 7,
	EECD_PRES = 1 << 8,
	EERD_START = 1 << 0,
	EERD_DONE = 1 << 4,

	/* MDIC, 13.4.6 */
	MDIC_OP_WRITE = 1 << 26,
	MDIC_OP_READ = 2 << 26,
	MDIC_READY = 1 << 28,
	MDIC_INTERRUPT = 1 << 29,
	MDIC_ERROR = 1 << 30,

	/* ICR, ICS, IMS, IMC, 13.4.17 */
	ICR_TXDW = 1 << 0,
	ICR_TXQE = 1 << 1,
	ICR_LSC = 1 << 2,
	ICR_RXDMT0 = 1 << 4,
	ICR_RXO = 1 << 6,
	ICR_RXT0 = 1 << 7,
	ICR_MDAC = 1 << 9,
	ICR_TXD_LOW = 1 << 15,
	ICR_CAUSES = 0x1ffff,

	/* RCTL, 13.4.22 */
	RCTL_EN = 1 << 1,
	RCTL_UPE = 1 << 3,
	RCTL_MPE = 1 << 4,
	RCTL_LPE = 1 << 5,
	RCTL_BAM = 1 << 15,
	RCTL_VFE = 1 << 18,
	RCTL_BSEX = 1 << 25,
	RCTL_SECRC = 1 << 26,

	/* TCTL, 13.4.33 */
	TCTL_EN = 1 << 1,
	TCTL_PSP = 1 << 3,

	/* RXCSUM, 13.4.28 */
	RXCSUM_IPOFL = 1 << 8,
	RXCSUM_TUOFL = 1 << 9
};

#define ICR_INT_ASSERTED (1u << 31)
#define RAH_AV (1u << 31)

/* Receive descriptor, SDM 3.2.3. */
struct e1000_rx_desc {
	uint64_t address;
	uint16_t len_bytes;
	uint16_t checksum; /* of the packet from RXCSUM.PCSS on */
	uint8_t status;
	uint8_t errors;
	uint16_t special; /* VLAN tag */
};

enum {
	RXD_DD = 0x01,
	RXD_EOP = 0x02,
	RXD_IXSM = 0x04, /* IPCS, TCPCS mean nothing */
	RXD_VP = 0x08,
	RXD_TCPCS = 0x20,
	RXD_IPCS = 0x40,
	RXD_ERR_TCPE = 0x20,
	RXD_ERR_IPE = 0x40,
	RXD_ERR_RXE = 0x80
};

/* Transmit descriptors, SDM 3.3.3 (legacy), 3.3.6 (context), 3.3.7 (data). */
struct e1000_tx_desc {
	uint64_t address; /* context: IPCSS, IPCSO, IPCSE, TUCSS, TUCSO, TUCSE */
	uint32_t command; /* length, and what the TXD_ constants say */
	uint8_t status;	  /* low nibble: DD */
	uint8_t option;	  /* legacy: CSS; data: POPTS; context: HDRLEN */
	uint16_t special; /* VLAN tag; context: MSS */
};

enum {
	TXD_LEGACY_LENGTH = 0xffff,
	TXD_LENGTH = 0xfffff,
	TXD_LEGACY_CSO_SHIFT = 16,
	TXD_DTYP_SHIFT = 20,
	TXD_DTYP_MASK = 0xf,
	TXD_DTYP_CONTEXT = 0,
	TXD_DTYP_DATA = 1,
	TXD_EOP = 1 << 24,
	TXD_IC = 1 << 26,  /* legacy: insert checksum */
	TXD_TSE = 1 << 26, /* context, data: segment */
	TXD_TCP = 1 << 24, /* context */
	TXD_IP = 1 << 25,  /* context: IPv4 */
	TXD_RS = 1 << 27,
	TXD_DEXT = 1 << 29,
	TXD_VLE = 1 << 30,
	TXD_DD = 0x01,
	TXD_POPTS_IXSM = 0x01,
	TXD_POPTS_TXSM = 0x02
};

#define TXD_IDE (1u << 31)

_Static_assert(sizeof(struct e1000_rx_desc) == 16, "SDM 3.2.3");
_Static_assert(sizeof(struct e1000_tx_desc) == 16, "SDM 3.3.3");

#endif
