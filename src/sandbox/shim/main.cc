// fulcrum-shim --id=… --directory=… …: see shim.h.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <span>

#include "base/sys.h"
#include "sandbox/shim/shim.h"

namespace {

using namespace fulcrum;
using sandbox::shim::Options;
using sandbox::shim::Shim;

// The lasting process. Its memory counts once per container: no arena may grow and stay.
int serve(Options options, UniqueFd report) {
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 10);
  ::setsid();
  (void)!::chdir("/");
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  ::close(null);
  auto told = sys::duplicate(report.get());
  auto shim = Shim::make(std::move(options), std::move(report));
  if (!shim) {
    if (told) (void)sys::write_all(told->get(), "error " + shim.error().message);
    return 1;
  }
  if (told) told->reset();
  (*shim)->run();
  return 0;
}

// The process that the daemon waits for: prints the report.
int wait_for_report(int pipe) {
  const auto text = sys::read_all(pipe, 64 << 10);
  const auto report = text && !text->empty() ? *text : std::string("error the shim ended before it could report");
  (void)sys::write_all(1, report);
  return report == "ok" ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = sandbox::shim::parse_arguments(std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
  if (!options) {
    std::fprintf(stderr, "fulcrum-shim: %s\n", options.error().message.c_str());
    return 2;
  }
  auto pipe = sys::pipe();
  if (!pipe) return 2;
  const pid_t child = ::fork();  // this program has one thread
  if (child < 0) return 2;
  if (child > 0) {
    pipe->write.reset();
    return wait_for_report(pipe->read.get());
  }
  pipe->read.reset();
  return serve(std::move(*options), std::move(pipe->write));
}
