// build
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/sys.h"
#include "cmd/fulcrum/build_context.h"
#include "cmd/fulcrum/build_progress.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/verb.h"
#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

constexpr std::size_t kMaxDockerfile = 4 << 20;

/// Whether these first bytes are those of a tar, plain or compressed, and not of a Dockerfile.
bool is_archive(std::string_view start) {
  for (const std::string_view magic : {"\x1f\x8b", "\x28\xb5\x2f\xfd", "BZh",
                                       "\xfd"
                                       "7zXZ"})
    if (start.starts_with(magic)) return true;
  return start.size() >= 262 && start.substr(257, 5) == "ustar";
}

/// A tar of one Dockerfile.
Result<std::string> tar_of(std::string_view dockerfile) {
  std::string out;
  image::TarWriter tar([&](std::string_view data) -> Result<> {
    out += data;
    return {};
  });
  TRY(tar.add_file("Dockerfile", dockerfile));
  TRY(tar.finish());
  return out;
}

class Build final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("context", context_, "Folder, URL of a tar or Dockerfile, or - for standard input (a tar or a Dockerfile)")->required();
    app.add_option("-f,--file", file_, "Dockerfile (default: Dockerfile in the folder)");
    add_list(app, "-t,--tag", tags_, "Name for the image");
    app.add_option("--target", target_, "Stage to build (default: the last)");
    add_list(app, "--build-arg", args_, "NAME=value for an ARG; NAME alone takes the value of this environment");
    add_list(app, "--label", labels_, "NAME=value");
    add_list(app, "--add-host", hosts_, "NAME=ADDRESS in /etc/hosts of RUN");
    add_list(app, "--cache-from", cache_from_, "Image whose history is the cache, instead of earlier builds");
    app.add_flag("--no-cache", no_cache_, "Carry out every step");
    app.add_flag("--pull", pull_, "Fetch base images although they are here");
    app.add_option("--platform", platform_, "os/arch[/variant]");
    app.add_option("--network", network_, "Network of RUN: none, host, or a network's name");
    app.add_option("-m,--memory", memory_, "Memory limit of RUN");
    app.add_option("--shm-size", shm_size_, "Size of /dev/shm of RUN");
    app.add_option("--cpus", cpus_, "CPUs for RUN");
    app.add_option("--progress", progress_, "auto, plain, tty or json")->check(CLI::IsMember({"auto", "plain", "tty", "json"}));
    app.add_flag("-q,--quiet", quiet_, "Only print the image's ID");
    app.add_option("--iidfile", id_file_, "Write the image's ID to this file");
  }
  Result<int> run(Context& context) override {
    auto request = TRY(make_request());
    auto response = TRY(context.stream(std::move(request)));
    BuildProgress progress(display());
    while (auto line = TRY(response.read_line())) {
      if (line->empty()) continue;
      const auto value = TRY(schema::parse(*line), "progress");
      progress.update(value);
      const auto type = text_at(value, "type");
      if (type == "error") {
        progress.end();
        return std::unexpected(error_of(500, json::serialize(at(value, "error"))));
      }
      if (type == "built") return finish(value, progress);
    }
    return fail(Code::unavailable, "the connection to the engine was cut");
  }

 private:
  BuildDisplay display() const {
    if (progress_ == "json") return BuildDisplay::json;
    if (quiet_) return BuildDisplay::quiet;
    if (progress_ == "tty" || (progress_ == "auto" && ::isatty(STDERR_FILENO) != 0)) return BuildDisplay::terminal;
    return BuildDisplay::plain;
  }

  Result<int> finish(const json::value& built, BuildProgress& progress) const {
    progress.end();
    const auto id = text_at(built, "id");
    if (!id_file_.empty()) TRY(sys::write_file_atomic(id_file_, id));
    if (progress_ != "json") print_line(id);
    return 0;
  }

  Result<std::string> target() const {
    std::string query;
    const auto add = [&](std::string_view name, const std::string& value) {
      query += (query.empty() ? "?" : "&") + std::string(name) + "=" + encode(value);
    };
    const auto add_set = [&](std::string_view name, const std::string& value) {
      if (!value.empty()) add(name, value);
    };
    for (const auto& tag : tags_) add("tag", tag);
    for (const auto& arg : args_) {
      const char* value = arg.find('=') == std::string::npos ? std::getenv(arg.c_str()) : nullptr;
      add("arg", value == nullptr ? arg : arg + "=" + value);
    }
    for (const auto& label : labels_) add("label", label);
    for (const auto& host : hosts_) add("addHost", host);
    for (const auto& image : cache_from_) add("cacheFrom", image);
    for (const auto& [name, value] : {std::pair<std::string_view, const std::string&>{"target", target_},
                                      {"platform", platform_},
                                      {"network", network_},
                                      {"memory", memory_},
                                      {"shmSize", shm_size_},
                                      {"cpus", cpus_}})
      add_set(name, value);
    if (no_cache_) add("cache", "false");
    if (pull_) add("pull", "true");
    if (context_.starts_with("http://") || context_.starts_with("https://")) add("remote", context_);
    add_set("file", name_in_context_);
    return "/v1/build" + query;
  }

  Result<http::ClientRequest> make_request() {
    http::ClientRequest request{.method = "POST", .content_type = "application/x-tar"};
    if (context_ == "-") {
      name_in_context_ = file_;
      TRY(from_standard_input(request));
    } else if (context_.starts_with("http://") || context_.starts_with("https://")) {
      name_in_context_ = file_;
    } else {
      TRY(from_folder(request));
    }
    request.target = TRY(target());
    return request;
  }

  Result<> from_standard_input(http::ClientRequest& request) {
    if (::isatty(STDIN_FILENO) != 0) return fail(Code::invalid_argument, "standard input is a terminal");
    std::string start(512, '\0');
    std::size_t have = 0;
    while (have < start.size()) {
      const auto got = ::read(STDIN_FILENO, start.data() + have, start.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(errno, "read standard input");
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    start.resize(have);
    if (!is_archive(start)) {
      request.body = TRY(tar_of(start + TRY(sys::read_all(STDIN_FILENO, kMaxDockerfile), "Dockerfile")));
      return {};
    }
    request.body_source = [start = std::move(start), at = std::size_t{0}](char* data, std::size_t size) mutable -> Result<std::size_t> {
      if (at < start.size()) {
        const auto count = std::min(size, start.size() - at);
        std::copy_n(start.data() + at, count, data);
        at += count;
        return count;
      }
      for (;;) {
        const auto got = ::read(STDIN_FILENO, data, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return fail_errno(errno, "read standard input");
      }
    };
    return {};
  }

  Result<> from_folder(http::ClientRequest& request) {
    std::error_code error;
    const auto folder = std::filesystem::canonical(context_, error);
    if (error || !std::filesystem::is_directory(folder)) return fail(Code::not_found, "{}: no folder of that name", context_);
    std::string outside;
    if (!file_.empty()) {
      const auto file = std::filesystem::canonical(file_, error);
      if (error) return fail(Code::not_found, "{}: {}", file_, error.message());
      const auto relative = file.lexically_relative(folder).string();
      const bool within = !relative.empty() && relative != ".." && !relative.starts_with("../");
      name_in_context_ = within ? relative : ".dockerfile." + sys::random_hex(10);
      if (!within) outside = file.string();
    }
    auto rules = TRY(read_ignore_rules(folder.string(), outside.empty() ? name_in_context_ : ""));
    const auto tar = std::make_shared<ContextTar>(folder.string(), std::move(rules), outside, name_in_context_);  // the source is copied
    request.body_source = [tar](char* data, std::size_t size) { return tar->read(data, size); };
    return {};
  }

  std::string context_, file_, target_, platform_, network_, memory_, shm_size_, cpus_, id_file_, name_in_context_;
  std::string progress_ = "auto";
  std::vector<std::string> tags_, args_, labels_, hosts_, cache_from_;
  bool no_cache_ = false, pull_ = false, quiet_ = false;
};

class Prune final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("-a,--all", all_, "Also what images use");
    app.add_option("--unused-for", unused_, "Only what was not used for so long (24h)");
    app.add_option("--keep", keep_, "Keep so much of what was used last (1Gi)");
  }
  Result<int> run(Context& context) override {
    std::string target = std::string("/v1/build/prune?all=") + (all_ ? "true" : "false");
    if (!unused_.empty()) target += "&unusedFor=" + encode(unused_);
    if (!keep_.empty()) target += "&keep=" + encode(keep_);
    const auto answer = TRY(context.call("POST", target));
    print_line("freed " + format_size(at(answer, "bytes").to_number<std::int64_t>()));
    return 0;
  }

 private:
  bool all_ = false;
  std::string unused_, keep_;
};

constexpr Command kCommands[] = {
    {"build", "Images", "Make an image out of a Dockerfile", "  fulcrum build -t shop:1 .", make_verb<Build>},
    {"image prune-cache", "Images", "Remove what builds keep for the next ones", "  fulcrum image prune-cache --unused-for 24h",
     make_verb<Prune>},
};

}  // namespace

std::span<const Command> build_commands() { return kCommands; }

}  // namespace fulcrum::cli
