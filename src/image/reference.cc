#include "image/reference.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace fulcrum::image {
namespace {

constexpr std::string_view kLegacyDefaultDomain = "index.docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr std::size_t kMaxReferenceLength = 1024;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_number(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_number(c) || (c >= 'a' && c <= 'f'); }
bool is_word(char c) { return is_lower(c) || is_upper(c) || is_number(c); }

/// Control characters must not reach a terminal through an error message.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > 200 ? "…\"" : "\"");
}

/// How many characters of separator (".", "_", "__" or "-"+) the text starts with; 0 when none or a wrong one.
std::size_t separator_length(std::string_view text) {
  if (text.starts_with("__")) return 2;
  if (text.starts_with('_') || text.starts_with('.')) return 1;
  return std::min(text.find_first_not_of('-'), text.size());
}

bool is_path_component(std::string_view text) {
  while (true) {
    const auto word = std::find_if_not(text.begin(), text.end(), [](char c) { return is_lower(c) || is_number(c); });
    if (word == text.begin()) return false;
    text.remove_prefix(static_cast<std::size_t>(word - text.begin()));
    if (text.empty()) return true;
    const auto separator = separator_length(text);
    if (separator == 0) return false;
    text.remove_prefix(separator);
  }
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const auto label = text.substr(0, text.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_word(c) || c == '-'; })) return false;
    if (label.size() == text.size()) return true;
    text.remove_prefix(label.size() + 1);
  }
}

bool is_ipv6_body(std::string_view text) {
  return text.size() >= 2 && text.size() <= 45 && text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex(c) || (c >= 'A' && c <= 'F') || c == ':' || c == '.'; });
}

/// The length of the domain at the start of the text (without its slash), or 0 when the first component is not a domain.
std::size_t domain_length(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return 0;
  const auto first = text.substr(0, slash);
  const bool looks =
      first == "localhost" || first.find_first_of(".:") != std::string_view::npos || std::any_of(first.begin(), first.end(), is_upper);
  return looks ? slash : 0;
}

Result<> split_tag_and_digest(std::string_view& rest, Reference& into, std::string_view whole) {
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const auto digest = rest.substr(at + 1);
    if (!is_digest(digest)) {
      return fail(Code::invalid_argument, "{} is not an image reference: {} is not a digest (sha256:<64 lower-case hex digits>)",
                  quoted(whole), quoted(digest));
    }
    into.digest = Digest(std::string(digest));
    rest = rest.substr(0, at);
  }
  if (const auto colon = rest.rfind(':'); colon != std::string_view::npos && rest.find('/', colon) == std::string_view::npos) {
    const auto tag = rest.substr(colon + 1);
    if (!is_tag(tag)) {
      return fail(Code::invalid_argument, "{} is not an image reference: {} is not a tag (letters, digits, _ . -, at most {})",
                  quoted(whole), quoted(tag), kMaxTagLength);
    }
    into.tag = std::string(tag);
    rest = rest.substr(0, colon);
  }
  if (into.tag.empty() && into.digest.empty()) into.tag = kDefaultTag;
  return {};
}

Result<> check_path(std::string_view path, std::string_view whole) {
  if (is_repository_path(path)) return {};
  if (path.empty()) return fail(Code::invalid_argument, "{} is not an image reference: the name is empty", quoted(whole));
  if (path.size() > kMaxRepositoryLength) {
    return fail(Code::invalid_argument, "{} is not an image reference: the name is longer than {} characters", quoted(whole),
                kMaxRepositoryLength);
  }
  if (std::any_of(path.begin(), path.end(), is_upper)) {
    return fail(Code::invalid_argument, "{} is not an image reference: the repository name must be lower case", quoted(whole));
  }
  return fail(Code::invalid_argument, "{} is not an image reference: {} is not a repository name (a-z, 0-9, and single . _ - between them)",
              quoted(whole), quoted(path));
}

}  // namespace

bool is_digest(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 3> kAlgorithms = {{{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}}};
  for (const auto& [prefix, length] : kAlgorithms) {
    if (!text.starts_with(prefix)) continue;
    const auto hex = text.substr(prefix.size());
    return hex.size() == length && std::all_of(hex.begin(), hex.end(), is_hex);
  }
  return false;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTagLength || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_repository_path(std::string_view text) {
  if (text.empty() || text.size() > kMaxRepositoryLength) return false;
  while (true) {
    const auto component = text.substr(0, text.find('/'));
    if (!is_path_component(component)) return false;
    if (component.size() == text.size()) return true;
    text.remove_prefix(component.size() + 1);
  }
}

bool is_domain(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6_body(text.substr(1, close - 1))) return false;
    const auto after = text.substr(close + 1);
    return after.empty() || (after.front() == ':' && is_port(after.substr(1)));
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return is_host_name(text);
  return is_host_name(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

Result<Reference> Reference::parse(std::string_view text) {
  if (text.empty()) return fail(Code::invalid_argument, "an image reference is empty");
  if (text.size() > kMaxReferenceLength) {
    return fail(Code::invalid_argument, "{} is not an image reference: longer than {} characters", quoted(text), kMaxReferenceLength);
  }
  if (text.size() == 64 && std::all_of(text.begin(), text.end(), is_hex)) {
    return fail(Code::invalid_argument, "{} is not an image reference: a bare digest is an image ID, not a name", quoted(text));
  }
  Reference out;
  auto rest = text;
  if (const auto length = domain_length(text); length > 0) {
    out.domain = text.substr(0, length);
    rest = text.substr(length + 1);
    if (!is_domain(out.domain)) {
      return fail(Code::invalid_argument, "{} is not an image reference: {} is not a registry host", quoted(text), quoted(out.domain));
    }
  } else {
    out.domain = kDefaultDomain;
  }
  if (out.domain == kLegacyDefaultDomain) out.domain = kDefaultDomain;
  TRY(split_tag_and_digest(rest, out, text));
  TRY(check_path(rest, text));
  out.path = rest;
  if (out.domain == kDefaultDomain && rest.find('/') == std::string_view::npos) out.path = std::string(kOfficialPrefix) + out.path;
  if (out.path.size() > kMaxRepositoryLength) TRY(check_path(out.path, text));
  return out;
}

std::string Reference::repository() const { return domain + "/" + path; }

std::string Reference::familiar_name() const {
  if (domain != kDefaultDomain) return repository();
  const std::string_view name = path;
  if (name.starts_with(kOfficialPrefix) && name.find('/', kOfficialPrefix.size()) == std::string_view::npos) {
    return std::string(name.substr(kOfficialPrefix.size()));
  }
  // "docker.io/localhost/x" is no "localhost/x"
  return domain_length(name) > 0 ? repository() : path;
}

std::string Reference::str() const {
  auto out = repository();
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest.str();
  return out;
}

std::string Reference::familiar() const {
  auto out = familiar_name();
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest.str();
  return out;
}

}  // namespace fulcrum::image
