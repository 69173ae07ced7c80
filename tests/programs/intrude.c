// intrude PID mem|vm|attach|fetch|enter: reaches into another process and leaves it as it was:
// writes a byte of its stack back through /proc/PID/mem or process_vm_writev, traces it for a
// moment, takes a copy of its standard input, or enters its mount namespace.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long stack_of(int pid)
{
	char path[64], line[512];
	unsigned long start = 0;
	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "r");
	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "[stack]"))
			start = strtoul(line, NULL, 16);
	return start;
}

static int by_file(int pid)
{
	char path[64], byte;
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	unsigned long at = stack_of(pid);
	int fd = open(path, O_RDWR);
	return fd < 0 || pread(fd, &byte, 1, at) != 1 || pwrite(fd, &byte, 1, at) != 1;
}

static int by_call(int pid)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)stack_of(pid), 1 };
	return process_vm_readv(pid, &here, 1, &there, 1, 0) != 1 ||
	       process_vm_writev(pid, &here, 1, &there, 1, 0) != 1;
}

static int attach(int pid)
{
	if (ptrace(PTRACE_ATTACH, pid, 0, 0))
		return 1;
	waitpid(pid, NULL, __WALL);
	return ptrace(PTRACE_DETACH, pid, 0, 0) != 0;
}

static int fetch(int pid)
{
	int process = syscall(SYS_pidfd_open, pid, 0);
	return process < 0 || syscall(SYS_pidfd_getfd, process, 0, 0) < 0;
}

static int enter(int pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 || setns(fd, CLONE_NEWNS);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int pid = atoi(argv[1]), failed = 2;
	if (!strcmp(argv[2], "mem"))
		failed = by_file(pid);
	else if (!strcmp(argv[2], "vm"))
		failed = by_call(pid);
	else if (!strcmp(argv[2], "attach"))
		failed = attach(pid);
	else if (!strcmp(argv[2], "fetch"))
		failed = fetch(pid);
	else if (!strcmp(argv[2], "enter"))
		failed = enter(pid);
	if (failed)
		perror(argv[2]);
	return failed;
}
