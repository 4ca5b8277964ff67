#include "server/native/body_pipe.h"

#include <unistd.h>

#include <array>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace fulcrum::server::native {

Result<std::unique_ptr<BodyPipe>> BodyPipe::open(http::Request& request) {
  auto pipe = TRY(sys::pipe());
  return std::unique_ptr<BodyPipe>(new BodyPipe(request, std::move(pipe.read), std::move(pipe.write)));
}

BodyPipe::BodyPipe(http::Request& request, UniqueFd read, UniqueFd write)
    : request_(request), read_(std::move(read)), write_(std::move(write)), thread_([this] { run(); }) {}

BodyPipe::~BodyPipe() { static_cast<void>(finish()); }

Result<> BodyPipe::finish() {
  read_.reset();
  if (thread_.joinable()) thread_.join();
  return result_;
}

Result<> BodyPipe::drain() {
  std::array<char, 64 << 10> rest;
  while (read_.valid()) {
    const auto got = ::read(read_.get(), rest.data(), rest.size());
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  return finish();
}

void BodyPipe::run() {
  std::vector<char> buffer(128 << 10);
  for (;;) {
    const auto got = request_.body().read(buffer.data(), buffer.size());
    if (!got) result_ = std::unexpected(got.error());
    if (!got || *got == 0) break;
    if (!sys::write_all(write_.get(), std::string_view(buffer.data(), *got))) return;  // the reader gave up
  }
  write_.reset();
}

}  // namespace fulcrum::server::native
