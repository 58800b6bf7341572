/* SPDX-License-Identifier: MIT
 *
 * Doubly linked rings, the links inside of what is listed. A head is a link that nothing contains.
 */
#ifndef GUEST_LIB_LIST_H
#define GUEST_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(at, type, member) ((type *)((char *)(at)-offsetof(type, member)))

struct list {
	struct list *next, *previous;
};

#define LIST_EMPTY(head)         \
	{                        \
		&(head), &(head) \
	}

static inline void list_init(struct list *head)
{
	head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_after(struct list *at, struct list *link)
{
	link->next = at->next;
	link->previous = at;
	at->next->previous = link;
	at->next = link;
}

static inline void list_add_first(struct list *head, struct list *link)
{
	list_insert_after(head, link);
}

static inline void list_add_last(struct list *head, struct list *link)
{
	list_insert_after(head->previous, link);
}

/* The link is a ring of its own afterwards, so removing it twice does no harm. */
static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

/* The first link, taken off; NULL: the list is empty. */
static inline struct list *list_pop(struct list *head)
{
	struct list *link = head->next;

	if (link == head)
		return NULL;
	list_remove(link);
	return link;
}

#define list_for_each(link, head) \
	for (struct list *link = (head)->next; link != (head); link = link->next)

/* The same, when the body may remove link. */
#define list_for_each_safe(link, head)                                                    \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
	     link = link##_next, link##_next = link->next)

#endif
