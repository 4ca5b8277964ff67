#include "control/workload/files.h"

#include <sys/stat.h>

#include "base/sys.h"
#include "control/workload/mounts.h"

namespace fulcrum::control {

namespace {

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

Result<sandbox::ResolvedMount> write_one(const Parts& parts, const std::string& directory, std::size_t number, std::string_view kind,
                                         const api::FileReference& file) {
  const auto key = fmt::format("/{}s/{}/{}", kind, kProject, file.source);
  const auto stored = TRY(parts.objects.get<api::StoredFile>(key));
  if (!stored) return fail(Code::not_found, "no such {}: {}", kind, file.source);
  const auto path = fmt::format("{}/{}", directory, number);
  TRY(sys::write_file_atomic(path, TRY(decode_base64(stored->object.spec.data), "{} {}", kind, file.source), 0400));
  if (::chown(path.c_str(), file.uid, file.gid) != 0) return fail_errno(errno, "chown {}", path);
  if (::chmod(path.c_str(), file.mode & 07777) != 0) return fail_errno(errno, "chmod {}", path);
  std::string target = file.target.empty() ? file.source : file.target;
  if (!target.starts_with('/')) target = (kind == "secret" ? "/run/secrets/" : "/") + target;
  return sandbox::ResolvedMount{.type = "bind", .source = path, .target = target, .read_only = true};
}

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  if (text.size() % 4 != 0) return fail(Code::invalid_argument, "not base64: its length is no multiple of four");
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t bits = 0;
    int pad = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const char c = text[i + j];
      const bool last = i + 4 == text.size();
      if (c == '=' && last && j >= 2) {
        ++pad;
        bits <<= 6;
        continue;
      }
      const int value = base64_value(c);
      if (value < 0 || pad > 0) return fail(Code::invalid_argument, "not base64: unexpected character at {}", i + j);
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    for (int k = 0; k < 3 - pad; ++k) out.push_back(static_cast<char>(bits >> (16 - 8 * k) & 0xff));
  }
  return out;
}

Result<std::vector<sandbox::ResolvedMount>> write_files(const Parts& parts, const api::Workload& workload) {
  std::vector<sandbox::ResolvedMount> mounts;
  const auto& spec = workload.spec;
  if (spec.secrets.empty() && spec.configs.empty()) return mounts;
  if (spec.secrets.size() + spec.configs.size() > kMaxFileReferences)
    return fail(Code::invalid_argument, "more than {} secrets and configs", kMaxFileReferences);
  const auto directory = files_directory(parts, workload.metadata.uid);
  TRY(sys::make_directories(directory, 0711));
  for (const auto& file : spec.secrets) mounts.push_back(TRY(write_one(parts, directory, mounts.size(), "secret", file)));
  for (const auto& file : spec.configs) mounts.push_back(TRY(write_one(parts, directory, mounts.size(), "config", file)));
  return mounts;
}

Result<> remove_files(const Parts& parts, const std::string& uid) { return sys::remove_tree(files_directory(parts, uid)); }

}  // namespace fulcrum::control
