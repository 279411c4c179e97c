// SPDX-License-Identifier: Apache-2.0
// Linux calls that Swift's Glibc module hides: the headers under _GNU_SOURCE, and inline functions for macros,
// variadic calls, unions and system calls that glibc has no function for. There is no C source behind this header.
#pragma once

// Three types differ under _GNU_SOURCE from what Swift's Glibc module has, and a program that sees both does not compile.
// Their headers come first, as Glibc has them; then the features are chosen anew.
#include <sys/resource.h>
#include <sys/select.h>
#include <utmpx.h>
#undef _FEATURES_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <features.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// Environment

/// environ(7). Swift refuses the variable, because anybody could change it; nobody here does.
static inline char **stint_environment(void) { return environ; }

// Files

/// open(2) with its mode; variadic in C.
static inline int stint_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

/// The lowest free descriptor number from `minimum` on, for the same open file; close-on-exec.
static inline int stint_duplicate(int descriptor, int minimum) { return fcntl(descriptor, F_DUPFD_CLOEXEC, minimum); }

/// dup3(2), close-on-exec.
static inline int stint_duplicate_to(int descriptor, int number) { return dup3(descriptor, number, O_CLOEXEC); }

/// The bytes that a pipe holds, rounded up by the kernel (fcntl(2), F_SETPIPE_SZ).
static inline int stint_set_pipe_size(int descriptor, int size) { return fcntl(descriptor, F_SETPIPE_SZ, size); }
static inline int stint_get_flags(int descriptor) { return fcntl(descriptor, F_GETFL); }
static inline int stint_set_flags(int descriptor, int flags) { return fcntl(descriptor, F_SETFL, flags); }
static inline int stint_get_descriptor_flags(int descriptor) { return fcntl(descriptor, F_GETFD); }

/// getdents64(2): the next entries of a directory, as many as fit. EINVAL when not even one does.
static inline long stint_read_entries(int directory, void *buffer, size_t size) {
    return syscall(SYS_getdents64, directory, buffer, size);
}

/// What `stat` says that we ask about, without the layout of `struct stat`.
struct stint_file_status {
    uint32_t mode;
    uint32_t owner;
    uint32_t group;
    int64_t size;
    uint64_t inode;
    uint64_t device;
    /// When contents, mode or owner last changed, in nanoseconds since 1970.
    int64_t changed;
};

static inline int stint_status_from(int result, const struct stat *raw, struct stint_file_status *status) {
    if (result != 0) return result;
    status->mode = raw->st_mode;
    status->owner = raw->st_uid;
    status->group = raw->st_gid;
    status->size = raw->st_size;
    status->inode = raw->st_ino;
    status->device = raw->st_dev;
    status->changed = (int64_t)raw->st_ctim.tv_sec * 1000000000 + raw->st_ctim.tv_nsec;
    return 0;
}

/// lstat(2): a symbolic link is described itself.
static inline int stint_link_status(const char *path, struct stint_file_status *status) {
    struct stat raw;
    return stint_status_from(lstat(path, &raw), &raw, status);
}

static inline int stint_descriptor_status(int descriptor, struct stint_file_status *status) {
    struct stat raw;
    return stint_status_from(fstat(descriptor, &raw), &raw, status);
}

/// Whether the bytes contain the others: memmem(3).
static inline _Bool stint_contains(const void *bytes, size_t count, const void *wanted, size_t wanted_count) {
    return memmem(bytes, count, wanted, wanted_count) != NULL;
}

// Processes

/// pidfd_open(2), Linux 5.3. By number: glibc has the function only since 2.36.
static inline int stint_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

/// pidfd_send_signal(2), Linux 5.1.
static inline int stint_pidfd_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/// How a child ended, out of the union in `siginfo_t`. `code` is one of CLD_EXITED, CLD_KILLED, CLD_DUMPED.
struct stint_child_end {
    pid_t process;
    int code;
    int status;
};

static const int stint_wait_for_any = P_ALL;
static const int stint_wait_for_process = P_PID;
static const int stint_wait_all_kinds = __WALL;  // children too that end with another signal than SIGCHLD, or with none
static const int stint_wait_for_pidfd = 3;  // P_PIDFD, Linux 5.4; an enumerator that older headers lack

/// waitid(2). `end->process` is 0 when WNOHANG was asked for and the child still runs.
static inline int stint_wait(int kind, int which, int options, struct stint_child_end *end) {
    siginfo_t information;
    memset(&information, 0, sizeof information);
    int result = waitid((idtype_t)kind, (id_t)which, &information, options);
    end->process = information.si_pid;
    end->code = information.si_code;
    end->status = information.si_status;
    return result;
}

/// sched_setattr(2) for the calling thread: how long a slice it wants, in nanoseconds. Everything else stays as it is.
static inline void stint_prefer_slice(uint64_t nanoseconds) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {0};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != SCHED_OTHER) return;
    attributes.runtime = nanoseconds;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/// The calling thread runs when nobody else wants to.
static inline int stint_set_idle_policy(void) {
    struct sched_param none = {0};
    return sched_setscheduler(0, SCHED_IDLE, &none);
}

static inline int stint_set_subreaper(int on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }
static inline int stint_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
static inline int stint_set_dumpable(int on) { return prctl(PR_SET_DUMPABLE, on, 0, 0, 0); }
static inline int stint_get_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }
static inline int stint_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline int stint_get_no_new_privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }

/// None of the capabilities of version 3 (capget(2)), which has them in two words of 32 bits.
static inline int stint_drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    return (int)syscall(SYS_capset, &header, none);
}
/// Whether there is any; 1 also where that cannot be told.
static inline int stint_has_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct found[2];
    if (syscall(SYS_capget, &header, found) != 0) return 1;
    for (int word = 0; word < 2; word++)
        if (found[word].effective | found[word].permitted | found[word].inheritable) return 1;
    return 0;
}
static inline int stint_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline int stint_set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

static inline int stint_get_limit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    int result = getrlimit((__rlimit_resource_t)resource, &limit);
    if (result == 0) {
        *soft = limit.rlim_cur;
        *hard = limit.rlim_max;
    }
    return result;
}

static const int stint_limit_core = RLIMIT_CORE;
static const int stint_limit_open_files = RLIMIT_NOFILE;
static const int stint_limit_processes = RLIMIT_NPROC;
static const int stint_limit_memory = RLIMIT_AS;
static const int stint_limit_file_size = RLIMIT_FSIZE;
static const int stint_limit_processor_time = RLIMIT_CPU;

/// close_range(2), Linux 5.9, by number: glibc has the function only since 2.34.
static inline int stint_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

// Terminals

static inline int stint_set_window_size(int terminal, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size);
}

static inline int stint_get_window_size(int terminal, uint16_t *columns, uint16_t *rows) {
    struct winsize size;
    int result = ioctl(terminal, TIOCGWINSZ, &size);
    if (result == 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
    return result;
}

// tcp(7): how many bytes the other side has not acknowledged.
#include <sys/ioctl.h>
#include <linux/sockios.h>
static inline int stint_unacknowledged(int descriptor, int *count) { return ioctl(descriptor, SIOCOUTQ, count); }

// Local sockets

/// The user of the process at the other end (unix(7), SO_PEERCRED); negative where that cannot be told.
static inline int64_t stint_peer_user(int descriptor) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 ? (int64_t)credentials.uid : -1;
}

static inline int stint_local_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    return 0;
}
static inline int stint_local_bind(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (stint_local_address(path, &address) != 0) return -1;
    return bind(descriptor, (struct sockaddr *)&address, sizeof address);
}
static inline int stint_local_connect(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (stint_local_address(path, &address) != 0) return -1;
    return connect(descriptor, (struct sockaddr *)&address, sizeof address);
}
static inline int stint_local_accept(int descriptor) { return accept4(descriptor, NULL, NULL, SOCK_CLOEXEC); }

/// Two ends of a connection that keeps messages apart (unix(7), SOCK_SEQPACKET).
static inline int stint_message_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

static const int stint_most_descriptors = 4;

/// sendmsg(2) with at most `stint_most_descriptors` descriptors, which the other side gets too. Never waits.
static inline ssize_t stint_send_message(int socket, const void *bytes, size_t length, const int *descriptors, int count) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr aligned;
    } room;
    memset(&room, 0, sizeof room);
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// recvmsg(2). The whole length of the message is returned, also when it is longer than `length`. Never waits.
///
/// `descriptors` has room for `stint_most_descriptors`, or is NULL: then what comes along is not taken, and `*count` is -1
/// where something did.
static inline ssize_t stint_receive_message(int socket, void *bytes, size_t length, int *descriptors, int *count) {
    struct iovec part = {.iov_base = bytes, .iov_len = length};
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr aligned;
    } room;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptors) {
        message.msg_control = room.bytes;
        message.msg_controllen = sizeof room.bytes;
    }
    ssize_t result = recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    *count = 0;
    if (result < 0) return result;
    if (message.msg_flags & MSG_CTRUNC) *count = -1;
    if (!descriptors) return result;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || *count < 0) continue;
        *count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(header), (size_t)*count * sizeof(int));
    }
    return result;
}

/// The length of the next message, without taking it. Never waits.
static inline ssize_t stint_next_message_length(int socket) {
    return recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
}

// Privileges

/// Takes a capability out of those that this process and what it starts may ever have (capabilities(7)). 0 when it was not
/// in there, or is not any more.
static inline int stint_drop_bounding(int capability) {
    return prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 ? prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) : 0;
}

/// No ambient capabilities. Kernels before 4.3 have none.
static inline int stint_clear_ambient(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }

// Calls that a process gives up

#if defined(__x86_64__)
#define STINT_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define STINT_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

/// From here on the kernel refuses this process (EPERM) whatever starts, signals, looks into or becomes another process, and ways
/// around that (seccomp(2)). Threads may be made. Takes no_new_privs. Returns -1 with errno; ENOSYS where nobody has written down
/// the machine's numbers.
static inline int stint_refuse_calls(void) {
#ifdef STINT_AUDIT_ARCH
    static const int refused[] = {
#ifdef SYS_fork
        SYS_fork, SYS_vfork,
#endif
        SYS_execve, SYS_execveat,
        SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, 424 /* pidfd_send_signal */,
        SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, 438 /* pidfd_getfd */, 440 /* process_madvise */,
        SYS_setns, SYS_unshare, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, 428 /* open_tree */, 429 /* move_mount */,
        430 /* fsopen */, 442 /* mount_setattr */,
        SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key,
        425 /* io_uring_setup */, 426 /* io_uring_enter */, 427 /* io_uring_register */,
        SYS_setpriority, SYS_ioprio_set, SYS_migrate_pages, SYS_move_pages,
    };
    // Whose first argument says of which process; 0 is this one.
    static const int own[] = {SYS_prlimit64, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_sched_setaffinity};
    enum { refused_count = sizeof refused / sizeof refused[0], own_count = sizeof own / sizeof own[0], most = refused_count + own_count + 40 };
    struct sock_filter code[most];
    int length = 0;
#define STINT_LOAD(field) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define STINT_IF(value, yes, no) (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define STINT_ANSWER(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(value))
    const uint32_t no = SECCOMP_RET_ERRNO | EPERM;
    // Other numbers for other machines' programs: none of them is ours.
    code[length++] = STINT_LOAD(arch);
    code[length++] = STINT_IF(STINT_AUDIT_ARCH, 1, 0);
    code[length++] = STINT_ANSWER(no);
    code[length++] = STINT_LOAD(nr);
#ifdef __x86_64__
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    code[length++] = STINT_ANSWER(no);
#endif
    for (int index = 0; index < refused_count; index++) {
        code[length++] = STINT_IF(refused[index], (uint8_t)(refused_count - index), 0);
        if (index == refused_count - 1) {
            code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0);
            code[length++] = STINT_ANSWER(no);
        }
    }
    for (int index = 0; index < own_count; index++) {
        code[length++] = STINT_IF(own[index], (uint8_t)(own_count - index), 0);
        if (index == own_count - 1) {
            code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 4, 0, 0);
            code[length++] = STINT_LOAD(args[0]);
            code[length++] = STINT_IF(0, 0, 1);
            code[length++] = STINT_ANSWER(SECCOMP_RET_ALLOW);
            code[length++] = STINT_ANSWER(no);
        }
    }
    // What it starts with is behind a pointer there. glibc then asks by clone(2).
    code[length++] = STINT_IF(435 /* clone3 */, 0, 1);
    code[length++] = STINT_ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
    code[length++] = STINT_IF(SYS_clone, 0, 4);
    code[length++] = STINT_LOAD(args[0]);
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    code[length++] = STINT_ANSWER(no);
    code[length++] = STINT_ANSWER(SECCOMP_RET_ALLOW);
    // A signal can be had from the kernel too, for another process, when something can be read.
    code[length++] = STINT_IF(SYS_fcntl, 0, 5);
    code[length++] = STINT_LOAD(args[1]);
    code[length++] = STINT_IF(8 /* F_SETOWN */, 2, 0);
    code[length++] = STINT_IF(15 /* F_SETOWN_EX */, 1, 0);
    code[length++] = STINT_ANSWER(SECCOMP_RET_ALLOW);
    code[length++] = STINT_ANSWER(no);
    code[length++] = STINT_IF(SYS_ioctl, 0, 4);
    code[length++] = STINT_LOAD(args[1]);
    code[length++] = STINT_IF(0x8901 /* FIOSETOWN */, 1, 0);
    code[length++] = STINT_IF(0x8902 /* SIOCSPGRP */, 0, 1);
    code[length++] = STINT_ANSWER(no);
    code[length++] = STINT_ANSWER(SECCOMP_RET_ALLOW);
#undef STINT_LOAD
#undef STINT_IF
#undef STINT_ANSWER
    struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
    // Without the flag kernels before 5.16 take such a process for one that must not speculate, and make all it does slow.
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0) return 0;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#else
    errno = ENOSYS;
    return -1;
#endif
}

// A copy of this process

/// fork(2) without a signal at the child's end: wait(2) sees the child with `__WALL` only, which so stays apart from all
/// others. In the parent `*handle` becomes a descriptor of the child (Linux 5.2). For a process of one thread.
static inline pid_t stint_fork_apart(int *handle) { return (pid_t)syscall(SYS_clone, CLONE_PIDFD, NULL, handle, NULL, NULL); }

/// fork(2) whose child is our parent's, as we are: it ends with the signal that we end with. In this process `*handle` becomes
/// a descriptor of the child (Linux 5.2). For a process of one thread.
static inline pid_t stint_fork_beside(int *handle) {
    return (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD, NULL, handle, NULL, NULL);
}

/// pidfd_getfd(2), Linux 5.6, by number: a copy of another process's descriptor, for who may look into that process. Tests
/// speak in a process's place by it.
static inline int stint_take_descriptor(int handle, int number) {
#ifdef SYS_pidfd_getfd
    return (int)syscall(SYS_pidfd_getfd, handle, number, 0);
#else
    return (int)syscall(438, handle, number, 0);
#endif
}

// Login records

#include <lastlog.h>
#include <paths.h>
#include <sys/time.h>

/// updwtmpx(3), which utmpx.h has under _GNU_SOURCE only.
extern void updwtmpx(const char *file, const struct utmpx *entry);

static inline const char *stint_lastlog_path(void) { return _PATH_LASTLOG; }

/// Whether somebody else keeps a lock on the file. Everybody who may read it may, and utmp(5) waits ten seconds for each.
static inline int stint_is_locked(const char *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return 0;
    int is_locked = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(file);
    return is_locked;
}

/// Writes an entry of a session into utmp and wtmp (utmp(5)), each where the file is there and nobody keeps it locked. `user` is empty for its end.
static inline void stint_write_login(
    const char *user, const char *line, const char *host, pid_t process, int is_end) {
    struct utmpx entry;
    struct timeval now;
    memset(&entry, 0, sizeof entry);
    entry.ut_type = is_end ? DEAD_PROCESS : USER_PROCESS;
    entry.ut_pid = process;
    strncpy(entry.ut_line, line, sizeof entry.ut_line - 1);
    size_t length = strlen(line);
    // The last characters of the line tell entries apart, as login(1) does it.
    strncpy(entry.ut_id, length > sizeof entry.ut_id ? line + length - sizeof entry.ut_id : line, sizeof entry.ut_id);
    strncpy(entry.ut_user, user, sizeof entry.ut_user - 1);
    strncpy(entry.ut_host, host, sizeof entry.ut_host - 1);
    gettimeofday(&now, NULL);
    entry.ut_tv.tv_sec = (__typeof__(entry.ut_tv.tv_sec))now.tv_sec;
    entry.ut_tv.tv_usec = (__typeof__(entry.ut_tv.tv_usec))now.tv_usec;
    if (!stint_is_locked(_PATH_UTMP)) {
        setutxent();
        pututxline(&entry);
        endutxent();
    }
    if (!stint_is_locked(_PATH_WTMP)) updwtmpx(_PATH_WTMP, &entry);
}

/// The line and process of the live entry whose host is `host`. 0 when there is none.
static inline pid_t stint_find_login(const char *host, char *line, size_t size) {
    pid_t found = 0;
    if (stint_is_locked(_PATH_UTMP)) return 0;
    setutxent();
    for (struct utmpx *entry = getutxent(); entry != NULL && found == 0; entry = getutxent()) {
        if (entry->ut_type != USER_PROCESS || strncmp(entry->ut_host, host, sizeof entry->ut_host) != 0) continue;
        found = entry->ut_pid;
        size_t length = strnlen(entry->ut_line, sizeof entry->ut_line);
        if (length >= size) length = size - 1;
        memcpy(line, entry->ut_line, length);
        line[length] = 0;
    }
    endutxent();
    return found;
}

/// Notes the login in lastlog(8), which is there once for each user number.
static inline int stint_write_lastlog(int file, uid_t user, const char *line, const char *host) {
    struct lastlog entry;
    memset(&entry, 0, sizeof entry);
    entry.ll_time = (__typeof__(entry.ll_time))time(NULL);
    strncpy(entry.ll_line, line, sizeof entry.ll_line - 1);
    strncpy(entry.ll_host, host, sizeof entry.ll_host - 1);
    return pwrite(file, &entry, sizeof entry, (off_t)user * (off_t)sizeof entry) == (ssize_t)sizeof entry ? 0 : -1;
}

/// Seconds since 1970 of the user's last login with its line; 0 for none.
static inline int64_t stint_read_lastlog(int file, uid_t user, char *line, size_t size) {
    struct lastlog entry;
    if (pread(file, &entry, sizeof entry, (off_t)user * (off_t)sizeof entry) != (ssize_t)sizeof entry) return 0;
    size_t length = strnlen(entry.ll_line, sizeof entry.ll_line);
    if (length >= size) length = size - 1;
    memcpy(line, entry.ll_line, length);
    line[length] = 0;
    return (int64_t)entry.ll_time;
}

// Starting a program inside of a control group

/// What a program starts with; see `SpawnRequest`.
struct stint_start {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// Where descriptor n comes from: a number, `stint_from_null`, or `stint_from_terminal`. All numbers are above `count`.
    const int *sources;
    int count;
    /// Opened before all others, so that it controls the new session; NULL without one.
    const char *terminal;
    /// Tells why there was no exec. Above `count`, and close-on-exec.
    int report;
};

static const int stint_from_null = -1;
static const int stint_from_terminal = -2;

/// The same open file at a number that the child does not set itself.
static inline int stint_above(int descriptor, int count) {
    return descriptor < 0 || descriptor >= count ? descriptor : fcntl(descriptor, F_DUPFD, count);
}

/// The child's part. It has a copy of its parent's memory and makes system calls only (signal-safety(7)).
static inline int stint_become(const struct stint_start *start) {
    struct sigaction usual;
    memset(&usual, 0, sizeof usual);
    usual.sa_handler = SIG_DFL;
    for (int signal = 1; signal < 65; signal++) sigaction(signal, &usual, NULL);  // those of the system refuse
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setsid() < 0) return errno;
    int terminal = -1;
    if (start->terminal && (terminal = stint_above(open(start->terminal, O_RDWR), start->count)) < 0) return errno;
    for (int number = 0; number < start->count; number++) {
        int source = start->sources[number];
        if (source == stint_from_terminal) source = terminal;
        if (source == stint_from_null && (source = stint_above(open("/dev/null", O_RDWR), start->count)) < 0) return errno;
        if (dup2(source, number) < 0) return errno;
    }
    if (syscall(SYS_close_range, start->count, start->report - 1, 0) != 0) return errno;
    if (syscall(SYS_close_range, start->report + 1, ~0U, 0) != 0) return errno;
    execve(start->path, start->arguments, start->environment);
    return errno;
}

/// clone3(2) with CLONE_INTO_CGROUP (Linux 5.7): a program that is in the group from its first moment on, in a session of
/// its own. Returns its number, or -1 with errno.
static inline pid_t stint_start_in_group(int group, const struct stint_start *start) {
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
    } arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = 0x200000000ULL | CLONE_VFORK;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = (uint64_t)group;
    long process = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (process == 0) {
        int failure = stint_become(start);
        // A report that is not whole is taken for none, and the end of the process is seen.
        _exit(write(start->report, &failure, sizeof failure) == sizeof failure ? 127 : 126);
    }
    return (pid_t)process;
}
