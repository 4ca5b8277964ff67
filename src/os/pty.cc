#include "os/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

namespace fulcrum::os {
namespace {

constexpr long kDevptsMagic = 0x1cd1;
constexpr unsigned kTtyAuxMajor = 5;
constexpr unsigned kPtmxMinor = 2;
constexpr unsigned kUnix98SlaveMajor = 136;  // … to 143

}  // namespace

Result<Pty> open_pty(UniqueFd ptmx) {
  Pty pty;
  pty.master = std::move(ptmx);
  struct stat st = {};
  struct statfs fs = {};
  if (::fstat(pty.master.get(), &st) != 0 || ::fstatfs(pty.master.get(), &fs) != 0) return fail_errno(errno, "stat ptmx");
  if (!S_ISCHR(st.st_mode) || st.st_rdev != ::makedev(kTtyAuxMajor, kPtmxMinor))
    return fail(Code::failed_precondition, "it is not the ptmx device");
  int unlock = 0;
  int number = -1;
  if (::ioctl(pty.master.get(), TIOCSPTLCK, &unlock) != 0) return fail_errno(errno, "unlock pseudo-terminal");
  if (::ioctl(pty.master.get(), TIOCGPTN, &number) != 0) return fail_errno(errno, "number of pseudo-terminal");
  const int terminal = ::ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return fail_errno(errno, "open terminal {}", number);
  pty.terminal = UniqueFd(terminal);
  if (::fstat(terminal, &st) != 0 || ::fstatfs(terminal, &fs) != 0) return fail_errno(errno, "stat terminal {}", number);
  const auto major_number = ::major(st.st_rdev);
  if (!S_ISCHR(st.st_mode) || major_number < kUnix98SlaveMajor || major_number > kUnix98SlaveMajor + 7 || fs.f_type != kDevptsMagic) {
    return fail(Code::failed_precondition, "terminal {} is not a pseudo-terminal", number);
  }
  pty.path = fmt::format("/dev/pts/{}", number);
  return pty;
}

Result<> set_window_size(int terminal, std::uint32_t height, std::uint32_t width) {
  const struct winsize size = {static_cast<unsigned short>(height), static_cast<unsigned short>(width), 0, 0};
  if (::ioctl(terminal, TIOCSWINSZ, &size) != 0) return fail_errno(errno, "set window size");
  return {};
}

Result<> leave_line_feeds(int terminal) {
  struct termios settings = {};
  if (::tcgetattr(terminal, &settings) != 0) return fail_errno(errno, "get terminal settings");
  settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(terminal, TCSANOW, &settings) != 0) return fail_errno(errno, "set terminal settings");
  return {};
}

Result<> set_controlling_terminal(int terminal) {
  if (::ioctl(terminal, TIOCSCTTY, 0) != 0) return fail_errno(errno, "set controlling terminal");
  return {};
}

}  // namespace fulcrum::os
