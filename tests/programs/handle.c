// handle tell FILE: prints the kernel's handle of a file.
// handle open DIRECTORY HANDLE: opens the file of that handle on the directory's file system,
// wherever it lies there, and reads a byte of it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static union {
	struct file_handle handle;
	unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
} it;

static int tell(const char *file)
{
	int mount;
	it.handle.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, file, &it.handle, &mount, 0))
		return 1;
	printf("%d:", it.handle.handle_type);
	for (unsigned i = 0; i < it.handle.handle_bytes; i++)
		printf("%02x", it.handle.f_handle[i]);
	printf("\n");
	return 0;
}

static int open_it(const char *directory, char *text)
{
	char byte, *digits = strchr(text, ':');
	if (!digits || strlen(++digits) / 2 > MAX_HANDLE_SZ)
		return 2;
	it.handle.handle_type = atoi(text);
	it.handle.handle_bytes = strlen(digits) / 2;
	for (unsigned i = 0; i < it.handle.handle_bytes; i++)
		sscanf(digits + 2 * i, "%2hhx", &it.handle.f_handle[i]);
	int mount = open(directory, O_RDONLY | O_DIRECTORY);
	int fd = open_by_handle_at(mount, &it.handle, O_RDONLY);
	return fd < 0 || read(fd, &byte, 1) != 1;
}

int main(int argc, char **argv)
{
	int failed = 2;
	if (argc == 3 && !strcmp(argv[1], "tell"))
		failed = tell(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "open"))
		failed = open_it(argv[2], argv[3]);
	if (failed)
		perror(argv[0]);
	return failed;
}
