/* The sensor's kernel side. Each family of events is a header of its own. */
#include "process.h"
#include "cgroup.h"
#include "signal.h"
#include "file.h"
#include "life.h"
#include "splice.h"
#include "network.h"
#include "flow.h"
#include "descriptor.h"
#include "namespace.h"
#include "mount.h"
#include "kernel.h"
#include "uring.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
