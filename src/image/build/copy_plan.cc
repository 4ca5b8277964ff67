#include "image/build/copy_plan.h"

#include <fcntl.h>

#include <algorithm>

#include "base/sys.h"
#include "base/words.h"
#include "image/build/file_hash.h"
#include "image/build/glob.h"
#include "image/build/go_text.h"
#include "image/build/rooted.h"
#include "image/digest.h"
#include "image/tar_reader.h"
#include "image/tree_node.h"

namespace fulcrum::image::build {

namespace {

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

bool has_wildcards(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\') {
      ++i;
    } else if (std::string_view("*?[").find(name[i]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

std::string hash_of_all(std::string_view prefix, const std::vector<std::string>& hashes) {
  std::string text;
  for (const auto& hash : hashes) text += (text.empty() ? "" : ",") + hash;
  return std::string(prefix) + ":" + std::string(digest_hex(digest_of(text)));
}

/// Plans one COPY or ADD.
class Planner {
 public:
  Planner(const Instruction& instruction, const CopySource& from, std::string_view workdir)
      : name_(name_of(instruction)),
        copy_(std::get_if<Copy>(&instruction.what)),
        add_(std::get_if<Add>(&instruction.what)),
        transfer_(copy_ != nullptr ? copy_->transfer : add_->transfer),
        from_(from),
        workdir_(workdir) {}

  Result<CopyPlan> run() {
    rules_ = TRY(IgnoreRules::create(transfer_.exclude), "--exclude");
    if (!transfer_.chmod.empty()) mode_ = TRY(parse_chmod(transfer_.chmod));
    set_destination();
    for (const auto& source : transfer_.sources) TRY(add_source(source), "{} failed", name_);
    for (const auto& file : transfer_.inline_files) add_text(file);
    if (plan_.operations.empty()) return fail(Code::invalid_argument, "{} failed: no source files were specified", name_);
    if (plan_.operations.size() > 1 && !into_folder())
      return fail(Code::invalid_argument,
                  "When using {} with more than one source file, the destination must be a directory and end with a /", name_);
    plan_.source_hash = hashes_.size() == 1 ? hashes_[0] : hash_of_all("multi", hashes_);
    plan_.keep_owner = !from_.is_context && transfer_.chown.empty();
    return std::move(plan_);
  }

 private:
  bool into_folder() const { return plan_.destination.ends_with('/'); }

  void set_destination() {
    const auto& given = transfer_.destination;
    const bool folder = given.ends_with('/') || given.ends_with("/.") || given == "." || (copy_ != nullptr && copy_->parents);
    plan_.destination = clean_path(given.starts_with('/') ? given : "/" + std::string(workdir_) + "/" + given);
    if (folder && !plan_.destination.ends_with('/')) plan_.destination += '/';
  }

  CopyOperation operation(CopyOperation::Kind kind) const {
    CopyOperation out;
    out.kind = kind;
    out.target = clean_path(plan_.destination);
    out.into_folder = into_folder();
    out.mode = mode_;
    return out;
  }

  void push(CopyOperation operation, std::string hash) {
    plan_.operations.push_back(std::move(operation));
    hashes_.push_back(std::move(hash));
  }

  Result<> add_source(const std::string& source) {
    if (is_url(source)) return add_url(source);
    std::string_view path = source;
    if (path.starts_with('/')) path.remove_prefix(1);
    const auto pivot = copy_ != nullptr && copy_->parents ? path.find("/./") : std::string_view::npos;
    const std::string kept(pivot == std::string_view::npos ? "" : clean_path(path.substr(0, pivot)));
    const auto cleaned = path.find('\\') == std::string_view::npos ? clean_path(path) : std::string(path);
    if (cleaned == ".." || cleaned.starts_with("../"))
      return fail(Code::invalid_argument, "forbidden path outside the build context: {} ()", shown(source));
    if (!has_wildcards(cleaned)) return add_path(cleaned, cleaned, kept);
    std::vector<std::string> found;
    TRY(expand(from_.root, "", split(cleaned, '/'), 0, found));
    for (const auto& match : found) TRY(add_path(match, match, kept));
    return {};
  }

  /// Names that match a pattern, part by part; links are not gone through.
  Result<> expand(int folder, const std::string& so_far, const std::vector<std::string>& parts, std::size_t at,
                  std::vector<std::string>& found) {
    const auto glob = TRY(Glob::compile(parts[at]));
    for (const auto& name : TRY(names_in(folder))) {
      if (!glob.matches(name)) continue;
      const auto path = so_far.empty() ? name : so_far + "/" + name;
      if (at + 1 == parts.size()) {
        found.push_back(path);
        continue;
      }
      const auto node = TRY(TreeNode::look(folder, name));
      if (node && node->is_folder()) TRY(expand(TRY(node->open()).get(), path, parts, at + 1, found));
    }
    return {};
  }

  Result<> add_path(const std::string& path, const std::string& written, const std::string& kept) {
    const auto resolved = TRY(resolve_in(from_.root, path));
    const auto node = TRY(look_in(from_.root, resolved));
    if (!node) {
      return fail(Code::not_found, "{}stat {}: file does not exist",
                  from_.is_context ? "file not found in build context or excluded by .dockerignore: " : "", shown(written));
    }
    if (node->is_folder()) return add_folder(resolved, written, kept);
    if (rules_.excludes(base_name(written))) return {};
    const bool packed = add_ != nullptr && add_->unpack.value_or(true) && S_ISREG(node->st.st_mode) && is_archive(*node);
    auto out = operation(packed ? CopyOperation::Kind::archive : CopyOperation::Kind::file);
    out.root = from_.root;
    out.source = resolved;
    out.base_name = base_name(written);
    add_parents(out, split_path(written).first, kept);
    push(std::move(out), "file:" + TRY(node_hash(resolved, *node, from_.stop)));
    return {};
  }

  Result<> add_folder(const std::string& resolved, const std::string& written, const std::string& kept) {
    auto out = operation(CopyOperation::Kind::folder);
    out.root = from_.root;
    out.source = resolved;
    out.exclude = transfer_.exclude;
    add_parents(out, written, kept);
    std::vector<std::string> hashes;
    const auto top = TRY(look_in(from_.root, resolved));
    if (!resolved.empty()) hashes.push_back(TRY(node_hash(resolved, *top, from_.stop)));
    TRY(hash_within(*top, resolved, "", 0, hashes));
    std::sort(hashes.begin(), hashes.end());
    push(std::move(out), hash_of_all("dir", hashes));
    return {};
  }

  /// --parents: the source's folders, from the part "/./" on, are made below the destination.
  void add_parents(CopyOperation& out, const std::string& folder, const std::string& kept) const {
    if (copy_ == nullptr || !copy_->parents) return;
    auto below = "/" + folder + "/";
    if (!kept.empty() && below.starts_with("/" + kept + "/")) below.erase(0, kept.size() + 1);
    out.target = clean_path(out.target + "/" + below);
  }

  Result<> hash_within(const TreeNode& folder, const std::string& path, const std::string& relative, std::size_t depth,
                       std::vector<std::string>& hashes) {
    if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "{}: more than {} folders deep", path, kMaxTreeDepth);
    const auto opened = TRY(folder.open());
    for (const auto& name : TRY(names_in(opened.get()))) {
      const auto below = relative.empty() ? name : relative + "/" + name;
      const auto whole = path.empty() ? name : path + "/" + name;
      const auto node = TRY(TreeNode::look(opened.get(), name));
      if (!node) continue;
      const bool excluded = rules_.excludes(below);
      if (!excluded) {
        hashes.push_back(S_ISLNK(node->st.st_mode) ? TRY(file_hash(from_.root, whole, from_.stop))
                                                   : TRY(node_hash(whole, *node, from_.stop)));
      }
      if (node->is_folder() && (!excluded || rules_.has_exceptions())) TRY(hash_within(*node, whole, below, depth + 1, hashes));
    }
    return {};
  }

  bool is_archive(const TreeNode& node) const {
    const auto file = node.open();
    if (!file) return false;
    auto reader = TarReader::open(file->get(), {}, from_.stop != nullptr ? *from_.stop : StopSource::never());
    if (!reader) return false;
    const auto first = reader->next();
    return first && first->has_value();
  }

  Result<> add_url(const std::string& url) {
    if (add_ == nullptr) return fail(Code::invalid_argument, "source can't be a URL for COPY");
    FULCRUM_ASSERT(from_.download != nullptr);
    const auto download = TRY(from_.download(url));
    if (download.name.empty() && into_folder()) return fail(Code::invalid_argument, "cannot determine filename for source {}", shown(url));
    auto out = operation(add_->unpack.value_or(false) ? CopyOperation::Kind::archive : CopyOperation::Kind::file);
    out.root = AT_FDCWD;
    out.source = download.path;
    const auto name = download.name.empty() ? "__unnamed__" : base_name(download.name);
    out.base_name = name;
    out.mtime = download.mtime.value_or(timespec{});
    constexpr mode_t kDownloadMode = 0600;
    if (!out.mode) out.mode = kDownloadMode;
    if (out.kind == CopyOperation::Kind::archive) out.mode = mode_;
    auto node = TRY(TreeNode::look(AT_FDCWD, download.path));
    if (!node || !S_ISREG(node->st.st_mode)) return fail(Code::internal, "{}: the download is not there", download.path);
    if (!add_->checksum.empty()) TRY(check(*node));
    node->st.st_mode = S_IFREG | kDownloadMode;
    node->st.st_uid = node->st.st_gid = 0;
    push(std::move(out), TRY(node_hash(name, *node, from_.stop)));
    return {};
  }

  Result<> check(const TreeNode& node) const {
    const auto wanted = TRY(parse_digest(add_->checksum), "--checksum");
    auto hasher = TRY(Hasher::create(digest_algorithm(wanted)));
    const auto file = TRY(node.open());
    std::string buffer(1 << 18, '\0');
    for (;;) {
      const auto got = ::read(file.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(errno, "read");
      if (got == 0) break;
      hasher.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    }
    const auto found = hasher.finish();
    if (found != wanted) return fail(Code::invalid_argument, "digest mismatch {}: {}", found.str(), wanted.str());
    return {};
  }

  void add_text(const InlineFile& file) {
    constexpr mode_t kMode = 0644;
    auto out = operation(CopyOperation::Kind::text);
    out.base_name = base_name(file.name);
    out.content = file.content;
    if (!out.mode) out.mode = kMode;
    push(std::move(out), "file:" + text_hash(base_name(file.name), file.content, kMode));
  }

  std::string_view name_;
  const Copy* copy_;
  const Add* add_;
  const Transfer& transfer_;
  const CopySource& from_;
  std::string_view workdir_;
  IgnoreRules rules_;
  std::optional<mode_t> mode_;
  CopyPlan plan_;
  std::vector<std::string> hashes_;
};

}  // namespace

Result<CopyPlan> plan_copy(const Instruction& instruction, const CopySource& source, std::string_view workdir) {
  if (!std::holds_alternative<Copy>(instruction.what) && !std::holds_alternative<Add>(instruction.what))
    return fail(Code::internal, "{} copies nothing", name_of(instruction));
  return Planner(instruction, source, workdir).run();
}

}  // namespace fulcrum::image::build
