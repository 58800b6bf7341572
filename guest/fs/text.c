/* SPDX-License-Identifier: MIT
 *
 * An open file has a struct reader; vfs's position lock keeps it to one reader at a time.
 */
#include "guest/fs/text.h"

#include <stdarg.h>

#include "guest/fs/iobuf.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

#define ROOM_FIRST 1024
#define STORE_MAX 256

struct reader {
	const struct text_source *source;
	struct mutex lock; /* of text: pread() of two threads */
	struct text text;
	bool made;
};

static bool grow(struct text *text, size_t needed)
{
	size_t room = text->room ? text->room : ROOM_FIRST;
	char *at;

	while (room < needed)
		room *= 2;
	at = room <= TEXT_BYTES_MAX ? kmalloc(room) : NULL;
	if (!at) {
		text->error = -ENOMEM;
		return false;
	}
	memcpy(at, text->at, text->length);
	kfree(text->at);
	text->at = at;
	text->room = room;
	return true;
}

void text_add(struct text *text, const void *bytes, size_t length)
{
	if (text->error ||
	    (text->length + length > text->room && !grow(text, text->length + length)))
		return;
	memcpy(text->at + text->length, bytes, length);
	text->length += length;
}

void text_print(struct text *text, const char *format, ...)
{
	char line[PRINT_MAX];
	va_list args;

	va_start(args, format);
	text_add(text, line, print_args_to(line, sizeof(line), format, args));
	va_end(args);
}

void text_pad(struct text *text, size_t line_start, size_t width)
{
	do
		text_add(text, " ", 1);
	while (!text->error && text->length - line_start < width);
}

int text_open(struct file *file, const struct text_source *source)
{
	struct reader *reader = kmalloc(sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->source = source;
	mutex_init(&reader->lock);
	file->private = reader;
	return 0;
}

void text_release(struct file *file)
{
	struct reader *reader = file->private;

	if (reader)
		kfree(reader->text.at);
	kfree(reader);
}

static int make(struct reader *reader, struct inode *inode)
{
	int error;

	reader->text.length = 0;
	reader->text.error = 0;
	error = reader->source->show(inode, &reader->text);
	reader->made = !error;
	return error;
}

int64_t text_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct reader *reader = file->private;
	const struct text *text = &reader->text;
	int64_t done;

	mutex_lock(&reader->lock);
	done = *position && reader->made ? 0 : make(reader, file->inode);
	if (!done && *position < text->length) {
		const size_t rest = text->length - *position;

		done = iobuf_put(to, text->at + *position, to->left < rest ? to->left : rest);
	}
	mutex_unlock(&reader->lock);
	if (done > 0)
		*position += done;
	return done;
}

int64_t text_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	const struct reader *reader = file->private;
	const int64_t bytes = from->left;
	char word[STORE_MAX];
	int64_t result;

	if (!reader->source->store)
		return -EACCES;
	if (bytes >= STORE_MAX)
		return -EINVAL;
	result = iobuf_take(from, word, bytes);
	if (result <= 0)
		return result;
	word[result] = 0;
	if (word[result - 1] == '\n')
		word[result - 1] = 0;
	result = reader->source->store(file->inode, word);
	if (result)
		return result;
	*position += bytes;
	return bytes;
}
