#include "guard.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/mount.h"

namespace fulcrum::oci_cli {

void seal_own_program(char** argv) {
  if (::geteuid() != 0) return;  // the file is not ours to write, nor our container's
  struct statvfs fs = {};
  if (::statvfs("/proc/self/exe", &fs) != 0 || (fs.f_flag & ST_RDONLY) != 0) return;
  auto view = os::clone_tree(AT_FDCWD, "/proc/self/exe", false);
  if (!view) return;
  if (!os::set_attributes(view->get(), {.set = MOUNT_ATTR_RDONLY}, false)) return;
  // The descriptor closes on exec; then the mount is nobody's any more, and nothing can make it writable again.
  ::syscall(SYS_execveat, view->get(), "", argv, environ, AT_EMPTY_PATH);
}

}  // namespace fulcrum::oci_cli
