// The least that a container runtime does for the default config.json of `runc spec`, in one C program without a parser, a state
// or an error message: new pid, network, ipc, uts, mount and cgroup namespaces, the mounts, masked and read-only paths,
// pivot_root, capabilities, exec, reap. With a second argument it also makes, enters and removes a cgroup of that path in every
// hierarchy below /sys/fs/cgroup.   bare ROOTFS [CGROUP] -- COMMAND…
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long r, const char* what) {
  if (r < 0) {
    perror(what);
    _exit(125);
  }
}

static void put(const char* to, const char* type, unsigned long flags, const char* data) {
  mkdir(to, 0755);
  must(mount(type, to, type, flags, data), to);
}

static void hide(const char* path) {
  struct stat s;
  if (stat(path, &s) != 0) return;
  if (S_ISDIR(s.st_mode))
    must(mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k"), path);
  else
    must(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
}

static void read_only(const char* path) {
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0) return;
  must(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), path);
}

static void devices(void) {
  static const struct {
    const char* path;
    int major, minor;
  } nodes[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++)
    must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].path);
  must(symlink("/proc/self/fd", "dev/fd"), "fd");
  must(symlink("/proc/self/fd/0", "dev/stdin"), "stdin");
  must(symlink("/proc/self/fd/1", "dev/stdout"), "stdout");
  must(symlink("/proc/self/fd/2", "dev/stderr"), "stderr");
  must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
}

static void root(const char* rootfs) {
  static const char* const masked[] = {"/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
                                       "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  static const char* const fixed[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "slave");
  must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind root");
  must(chdir(rootfs), "chdir");
  put("proc", "proc", 0, NULL);
  put("dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  put("dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  put("dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k");
  put("dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
  put("sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL);
  devices();
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount");
  must(chdir("/"), "chdir /");
  for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++) read_only(fixed[i]);
  for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) hide(masked[i]);
  must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "read-only root");
}

static void drop(void) {
  const unsigned keep = 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE;
  for (int c = 0; c <= 40; c++) {
    if (c > 31 || !(keep >> c & 1)) prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{keep, keep, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, data), "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

// A new cpuset is empty and takes nobody before it has its parent's values.
static void copy_cpuset(const char* folder) {
  static const char* const files[] = {"cpuset.cpus", "cpuset.mems"};
  char name[600], value[256];
  for (int i = 0; i < 2; i++) {
    snprintf(name, sizeof name, "%s/../%s", folder, files[i]);
    const int from = open(name, O_RDONLY | O_CLOEXEC);
    must(from, name);
    const ssize_t n = read(from, value, sizeof value);
    must(n, name);
    close(from);
    snprintf(name, sizeof name, "%s/%s", folder, files[i]);
    const int to = open(name, O_WRONLY | O_CLOEXEC);
    must(to, name);
    must(write(to, value, n), name);
    close(to);
  }
}

// Makes, enters (v1: `tasks`, which needs no global lock) or removes the cgroup in every hierarchy; v2 is entered by clone3.
enum { kMake, kEnter, kRemove };
static int v2_folder = -1;

static void cgroups(const char* path, int verb) {
  DIR* all = opendir("/sys/fs/cgroup");
  if (all == NULL) return;
  struct dirent* entry;
  char name[512];
  while ((entry = readdir(all)) != NULL) {
    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
    snprintf(name, sizeof name, "/sys/fs/cgroup/%s/%s%s", entry->d_name, path, verb == kEnter ? "/tasks" : "");
    const int v2 = strcmp(entry->d_name, "unified") == 0;
    if (verb == kMake) must(mkdir(name, 0755), name);
    if (verb == kMake && v2) v2_folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (verb == kMake && strcmp(entry->d_name, "cpuset") == 0) copy_cpuset(name);
    if (verb == kRemove) must(rmdir(name), name);
    if (verb != kEnter || v2) continue;
    const int fd = open(name, O_WRONLY | O_CLOEXEC);
    must(fd, name);
    must(write(fd, "0", 1), name);
    close(fd);
  }
  closedir(all);
}

int main(int argc, char** argv) {
  const char* cgroup = argc > 2 && strcmp(argv[2], "--") != 0 ? argv[2] : NULL;
  const int first = cgroup ? 4 : 3;
  if (argc <= first) return 2;
  if (cgroup) cgroups(cgroup, kMake);
  struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS, .exit_signal = SIGCHLD};
  if (v2_folder >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = v2_folder;
  }
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid, "clone3");
  if (pid == 0) {
    if (cgroup) cgroups(cgroup, kEnter);
    must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
    must(sethostname("bare", 4), "hostname");
    root(argv[1]);
    drop();
    execv(argv[first], argv + first);
    _exit(127);
  }
  int status;
  must(waitpid(pid, &status, 0), "waitpid");
  if (cgroup) cgroups(cgroup, kRemove);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
