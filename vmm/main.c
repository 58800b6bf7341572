/* SPDX-License-Identifier: MIT
 *
 * The command table; everything else is elsewhere.
 */
#include <stdio.h>

int main(void)
{
	fprintf(stderr, "vitrine: no commands yet\n");
	return 2;
}
