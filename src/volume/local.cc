#include "volume/local.h"

#include "base/sys.h"
#include "base/tree.h"
#include "base/units.h"
#include "base/words.h"

namespace fulcrum::volume {

namespace {

constexpr std::size_t kMaxOptions = 64;

struct Options {
  std::string type, device, o, size;
};

Result<Options> take_options(const std::map<std::string, std::string>& options) {
  Options taken;
  for (const auto& [name, value] : options) {
    if (name == "type") {
      taken.type = value;
    } else if (name == "device") {
      taken.device = value;
    } else if (name == "o") {
      taken.o = value;
    } else if (name == "size") {
      taken.size = value;
    } else {
      return fail(Code::invalid_argument, "options.{}: no such option of the local driver; it has type, device, o, size", name);
    }
  }
  return taken;
}

Result<Source> tmpfs_source(const Options& options) {
  Source source{.kind = Source::Kind::tmpfs};
  for (const auto& word : split(options.o, ',')) {
    if (word.empty()) continue;
    if (source.options.size() == kMaxOptions) return fail(Code::invalid_argument, "options.o: more than {} options", kMaxOptions);
    if (word.starts_with("size=") && word.find('%') == std::string::npos) {
      source.size = TRY(parse_size(std::string_view(word).substr(5)), "options.o");
    } else {
      source.options.push_back(word);
    }
  }
  if (!options.size.empty()) source.size = TRY(parse_size(options.size), "options.size");
  return source;
}

Result<Source> bind_source(const Options& options) {
  if (!options.device.starts_with('/'))
    return fail(Code::invalid_argument, "options.device: \"{}\" is not an absolute path", options.device);
  Source source{.kind = Source::Kind::bind, .path = options.device};
  for (const auto& word : split(options.o, ',')) {
    if (word == "bind" || word == "rbind" || word == "rw" || word.empty()) continue;
    if (word == "ro") {
      source.read_only = true;
      continue;
    }
    return fail(Code::unimplemented, "options.o: \"{}\" cannot be had for a bind; it takes bind, rbind, rw, ro", word);
  }
  return source;
}

bool is_bind(const Options& options) {
  for (const auto& word : split(options.o, ','))
    if (word == "bind" || word == "rbind") return options.type.empty() || options.type == "none" || options.type == "bind";
  return false;
}

}  // namespace

std::string LocalVolumes::data_path(const std::string& name) const { return root_ + "/" + name + "/_data"; }

Result<Source> LocalVolumes::source(const std::string& name, const std::map<std::string, std::string>& options) const {
  const auto taken = TRY(take_options(options));
  if (taken.type == "tmpfs") return tmpfs_source(taken);
  if (is_bind(taken)) return bind_source(taken);
  if (!taken.size.empty())
    return fail(Code::unimplemented,
                "options.size: a limit on a folder needs project quotas, which are not used here; type=tmpfs can be limited");
  if (!taken.type.empty())
    return fail(Code::unimplemented,
                "options.type: \"{}\" would be mounted on the host, which this engine does not do; type=tmpfs and o=bind work", taken.type);
  if (!taken.device.empty()) return fail(Code::invalid_argument, "options.device: needs options.type, or o=bind");
  if (!taken.o.empty()) return fail(Code::invalid_argument, "options.o: needs options.type, or bind among its words");
  return Source{.kind = Source::Kind::directory, .path = data_path(name)};
}

Result<> LocalVolumes::create(const std::string& name) const {
  TRY(sys::make_directories(root_, 0711));
  TRY(sys::make_directories(root_ + "/" + name, 0711));
  return sys::make_directories(data_path(name), 0755);
}

Result<> LocalVolumes::remove(const std::string& name) const { return sys::remove_tree(root_ + "/" + name); }

Result<std::vector<std::string>> LocalVolumes::list() const {
  if (!sys::exists(root_)) return std::vector<std::string>{};
  return sys::list_directory(root_);
}

Result<bool> LocalVolumes::is_empty(const std::string& name) const { return TRY(sys::list_directory(data_path(name))).empty(); }

Result<std::uint64_t> LocalVolumes::disk_usage(const std::string& name) const { return TRY(sys::tree_usage(data_path(name))).disk; }

Result<std::string> subpath(const std::string& directory, const std::string& path) {
  if (path.empty()) return directory;
  const auto root = TRY(sys::open(directory, O_PATH | O_DIRECTORY));
  const auto inside = TRY(sys::open_in_root(root.get(), path, O_PATH), "subpath");
  return sys::read_link(fmt::format("/proc/self/fd/{}", inside.get()));
}

}  // namespace fulcrum::volume
