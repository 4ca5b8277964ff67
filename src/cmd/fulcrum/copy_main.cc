// fulcrum-cp: copies files between here and a workload.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <functional>
#include <thread>

#include "base/sys.h"
#include "cmd/fulcrum/copy_flags.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/tar_files.h"

namespace fulcrum::cli {
namespace {

struct Place {
  std::string workload;  ///< empty: here
  std::string path;
};

/// "web:/etc/x" is in a workload; "./a:b" and "/a:b" are here.
Place parse_place(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || text[0] == '/' || text[0] == '.') return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string base_name(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.substr(path.find_last_of('/') + 1);
}
std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// cp's rules: into DEST when that is a folder, else as DEST.
struct Landing {
  std::string folder;
  std::string name;
};

class Copy final : public CopyFlags {
 public:
  Result<int> run(Context& context) override {
    const auto from = parse_place(source_), to = parse_place(target_);
    if (from.workload.empty() == to.workload.empty())
      return fail(Code::invalid_argument, "cp: exactly one of source and target is WORKLOAD:PATH");
    if (from.workload.empty()) {
      TRY(copy_in(context, from.path, to));
    } else {
      TRY(copy_out(context, from, to.path));
    }
    return 0;
  }

 private:
  Result<> copy_out(Context& context, const Place& from, const std::string& target) const {
    auto request = workload_path(from.workload) + "/archive?path=" + encode(from.path);
    if (follow_) request += "&follow=true";
    auto response = TRY(context.stream({.target = request}));
    const auto read = [&](char* data, std::size_t size) { return response.read(data, size); };
    if (target == "-") {
      std::string buffer(65536, '\0');
      while (const auto n = TRY(read(buffer.data(), buffer.size()))) print(std::string_view(buffer.data(), n));
      return {};
    }
    struct stat st;
    const bool exists = ::stat(target.c_str(), &st) == 0;
    const bool contents = from.path.ends_with("/.");
    if (exists && S_ISDIR(st.st_mode)) return unpack_tar(read, target, contents ? "." : "");
    if (!exists && target.ends_with('/')) return fail(Code::not_found, "{}: no such folder", target);
    if (contents) {
      TRY(sys::make_directories(target));
      return unpack_tar(read, target, ".");
    }
    return unpack_tar(read, folder_of(target), base_name(target));
  }

  /// Where in the workload: asks whether the target is a folder there.
  static Result<Landing> landing(Context& context, const Place& to, const std::string& source_name) {
    const auto exists = context.call("GET", workload_path(to.workload) + "/stat?path=" + encode(to.path));
    if (exists) {
      if (text_at(*exists, "type") == "directory") return Landing{to.path, source_name};
      return Landing{folder_of(to.path), base_name(to.path)};
    }
    if (exists.error().code != Code::not_found) return std::unexpected(exists.error());
    if (to.path.ends_with('/')) return std::unexpected(exists.error());
    return Landing{folder_of(to.path), base_name(to.path)};
  }

  Result<> copy_in(Context& context, const std::string& source, const Place& to) const {
    if (source == "-")
      return put(context, to.workload, to.path, [](const WriteAll& write) -> Result<> {
        std::string buffer(65536, '\0');
        for (;;) {
          const auto n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
          if (n < 0 && errno == EINTR) continue;
          if (n < 0) return fail_errno(errno, "read standard input");
          if (n == 0) return {};
          TRY(write(std::string_view(buffer.data(), static_cast<std::size_t>(n))));
        }
      });
    struct stat st;
    if (::lstat(source.c_str(), &st) < 0) return fail_errno(errno, "{}", source);
    const bool contents = source.ends_with("/.") || source == ".";
    auto place = TRY(landing(context, to, base_name(source)));
    if (contents) place = {to.path, "."};
    return put(context, to.workload, place.folder,
               [&](const WriteAll& write) { return pack_tar(source, place.name, follow_ || source.ends_with('/'), archive_, write); });
  }

  /// Runs `fill` in a child process's place: the request body is pulled, the tar is pushed, so a pipe and a thread stand between them.
  Result<> put(Context& context, const std::string& workload, const std::string& folder,
               const std::function<Result<>(const WriteAll&)>& fill) const;
};

Result<> Copy::put(Context& context, const std::string& workload, const std::string& folder,
                   const std::function<Result<>(const WriteAll&)>& fill) const {
  auto pipe = TRY(sys::pipe());
  Result<> filled;
  std::jthread writer([&] {
    filled = fill([&](std::string_view data) { return sys::write_all(pipe.write.get(), data); });
    pipe.write.reset();
  });
  http::ClientRequest request{
      .method = "PUT", .target = workload_path(workload) + "/archive?path=" + encode(folder), .content_type = "application/x-tar"};
  request.body_source = [&](char* data, std::size_t size) -> Result<std::size_t> {
    const auto n = ::read(pipe.read.get(), data, size);
    if (n < 0) return fail_errno(errno, "read");
    return static_cast<std::size_t>(n);
  };
  auto response = context.stream(std::move(request));
  pipe.read.reset();  // a writer that is still at it gets EPIPE
  writer.join();
  if (!response) return std::unexpected(response.error());
  if (!filled) return filled;
  TRY(response->read_all(1 << 20));
  return {};
}

constexpr Command kCopy{"cp", "Inside", kCopySummary, kCopyExamples, make_verb<Copy>};

int main(const std::vector<std::string>& words) {
  const char* socket = std::getenv("FULCRUM_SOCKET");
  Copy verb;
  auto done = parse(kCopy, verb, words);
  if (!done && done.error().code == Code::cancelled) return 0;
  if (done) {
    Context context(socket != nullptr ? socket : "/run/fulcrum/fulcrum.sock");
    const auto status = verb.run(context);
    if (status) return *status;
    done = std::unexpected(status.error());
  }
  note("fulcrum: " + done.error().message);
  return 1;
}

}  // namespace
}  // namespace fulcrum::cli

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return fulcrum::cli::main(std::vector<std::string>(argv + 1, argv + argc));
}
