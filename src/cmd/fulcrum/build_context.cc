#include "cmd/fulcrum/build_context.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/sys.h"

namespace fulcrum::cli {

using image::TarEntry;

ContextTar::ContextTar(std::string folder, image::build::IgnoreRules rules, std::string dockerfile, std::string dockerfile_name)
    : folder_(std::move(folder)),
      rules_(std::move(rules)),
      dockerfile_(std::move(dockerfile)),
      dockerfile_name_(std::move(dockerfile_name)),
      tar_([this](std::string_view data) -> Result<> {
        buffer_ += data;
        return {};
      }),
      todo_{""} {}

Result<std::size_t> ContextTar::read(char* data, std::size_t size) {
  while (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = 0;
    if (finished_) return 0;
    TRY(step());
  }
  const auto count = std::min(size, buffer_.size() - taken_);
  std::copy_n(buffer_.data() + taken_, count, data);
  taken_ += count;
  sent_ += count;
  return count;
}

Result<> ContextTar::step() {
  if (file_.valid()) return copy_some();
  if (!todo_.empty()) {
    const auto name = std::move(todo_.back());
    todo_.pop_back();
    return name.empty() ? add_children(name) : add(name);
  }
  if (!dockerfile_.empty()) {
    const auto path = std::move(dockerfile_);
    dockerfile_.clear();
    return add_file(path, {.name = dockerfile_name_, .mode = 0644});
  }
  finished_ = true;
  return tar_.finish();
}

Result<> ContextTar::add_children(const std::string& name) {
  auto names = TRY(sys::list_directory(folder_ + "/" + name));
  for (auto child = names.rbegin(); child != names.rend(); ++child) todo_.push_back(name.empty() ? *child : name + "/" + *child);
  return {};
}

Result<> ContextTar::add(const std::string& name) {
  const auto path = folder_ + "/" + name;
  const auto st = TRY(sys::lstat(path));
  if (!st) return {};  // gone meanwhile
  const bool excluded = rules_.excludes(name);
  if (S_ISDIR(st->st_mode)) {
    if (excluded && !rules_.has_exceptions()) return {};
    TRY(add_children(name));
    if (excluded) return {};
  }
  if (excluded || S_ISSOCK(st->st_mode)) return {};
  TarEntry entry{.name = name, .mode = st->st_mode & 07777};
  entry.mtime.tv_sec = st->st_mtim.tv_sec;
  switch (st->st_mode & S_IFMT) {
    case S_IFREG: return add_file(path, std::move(entry));
    case S_IFDIR:
      entry.kind = TarEntry::Kind::directory;
      entry.name += "/";
      break;
    case S_IFLNK:
      entry.kind = TarEntry::Kind::symlink;
      entry.target = TRY(sys::read_link(path));
      break;
    case S_IFIFO: entry.kind = TarEntry::Kind::fifo; break;
    default:
      entry.kind = S_ISCHR(st->st_mode) ? TarEntry::Kind::char_device : TarEntry::Kind::block_device;
      entry.device_major = major(st->st_rdev);
      entry.device_minor = minor(st->st_rdev);
  }
  return tar_.add(entry);
}

Result<> ContextTar::add_file(const std::string& path, TarEntry entry) {
  auto file = TRY(sys::open(path, O_RDONLY));
  struct stat st{};
  if (::fstat(file.get(), &st) != 0) return fail_errno(errno, "{}", path);
  entry.size = static_cast<std::uint64_t>(st.st_size);
  entry.mtime.tv_sec = st.st_mtim.tv_sec;
  TRY(tar_.add(entry), "{}", path);
  left_ = entry.size;
  if (left_ > 0) file_ = std::move(file);
  return {};
}

Result<> ContextTar::copy_some() {
  std::array<char, 64 << 10> data;
  const auto got = ::read(file_.get(), data.data(), std::min<std::uint64_t>(data.size(), left_));
  if (got < 0 && errno == EINTR) return {};
  if (got < 0) return fail_errno(errno, "read a file of the context");
  if (got == 0) return fail(Code::unavailable, "a file of the context shrank while it was read");
  left_ -= static_cast<std::uint64_t>(got);
  if (left_ == 0) file_.reset();
  return tar_.write({data.data(), static_cast<std::size_t>(got)});
}

Result<image::build::IgnoreRules> read_ignore_rules(const std::string& folder, const std::string& dockerfile) {
  for (const auto& name : image::build::ignore_file_names(dockerfile.empty() ? "Dockerfile" : dockerfile)) {
    const auto text = sys::read_file(folder + "/" + name, 1 << 20);
    if (!text && text.error().code == Code::not_found) continue;
    auto patterns = image::build::read_ignore_file(TRY(text));
    patterns.push_back("!" + name);
    patterns.push_back("!" + (dockerfile.empty() ? std::string("Dockerfile") : dockerfile));
    return TRY(image::build::IgnoreRules::create(patterns), "{}", name);
  }
  return image::build::IgnoreRules::create({});
}

}  // namespace fulcrum::cli
