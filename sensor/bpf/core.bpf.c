/* The sensor's kernel side. Each family of events is a header of its own. */
#include "process.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
