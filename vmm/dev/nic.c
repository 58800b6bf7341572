/* SPDX-License-Identifier: MIT
 *
 * See nic.h.
 */
#include "dev/nic.h"

#include "observe/counters.h"

bool nic_queue_counters(const struct nic_counters *counters, unsigned index,
			struct queue_counters *out)
{
	switch (index) {
	case 0:
		*out = (struct queue_counters){
			.name = "transmit",
			.requests = counters->tx_frames + counters->tx_dropped,
			.bytes = counters->tx_bytes,
			.kicks = counters->kicks,
			.kicks_suppressed = counters->kicks_suppressed,
			.interrupts = counters->interrupts,
			.interrupts_suppressed = counters->interrupts_suppressed,
		};
		return true;
	case 1:
		*out = (struct queue_counters){.name = "receive",
					       .requests = counters->rx_frames,
					       .bytes = counters->rx_bytes};
		return true;
	default: return false;
	}
}

bool nic_figure(const struct nic_counters *counters, unsigned index, struct device_figure *out)
{
	const struct device_figure figures[] = {
		{"dropped_frames", counters->tx_dropped, true},
		{"filtered_frames", counters->rx_filtered, true},
	};

	if (index >= sizeof(figures) / sizeof(*figures))
		return false;
	*out = figures[index];
	return true;
}
