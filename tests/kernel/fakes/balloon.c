/* SPDX-License-Identifier: MIT
 *
 * There is no balloon.
 */
#include "guest/virtio/balloon.h"

bool balloon_relieve(void)
{
	return false;
}
