#include "image/registry/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <charconv>
#include <memory>

namespace fulcrum::image::registry {
namespace {

constexpr std::size_t kMaxUrl = 16 << 10;

struct CurlUrlFree {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
struct CurlFree {
  void operator()(char* text) const { curl_free(text); }
};
using Handle = std::unique_ptr<CURLU, CurlUrlFree>;

/// A part of the address, "" when it has none.
std::string part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
  char* raw = nullptr;
  if (curl_url_get(handle, which, &raw, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, CurlFree> owned(raw);
  return raw;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Result<Url> taken_apart(CURLU* handle, std::string_view shown) {
  Url out;
  out.scheme = lower(part(handle, CURLUPART_SCHEME));
  if (out.scheme != "http" && out.scheme != "https") return fail(Code::invalid_argument, "{} is not an http or https address", shown);
  if (!part(handle, CURLUPART_USER).empty() || !part(handle, CURLUPART_PASSWORD).empty()) {
    return fail(Code::invalid_argument, "an address of {} has a user name in it", part(handle, CURLUPART_HOST));
  }
  out.host = lower(part(handle, CURLUPART_HOST));
  const auto port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (out.host.empty() || out.port == 0) return fail(Code::invalid_argument, "{} is not an http or https address", shown);
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  out.text = part(handle, CURLUPART_URL);
  return out;
}

Result<Url> parsed(const std::string& base, std::string_view text) {
  // The text may hold a secret in its query, and control characters: only its length is shown.
  if (text.size() > kMaxUrl) return fail(Code::invalid_argument, "an address of {} bytes is too long", text.size());
  const Handle handle(curl_url());
  if (!handle) return fail(Code::resource_exhausted, "out of memory");
  const std::string owned(text);
  if (!base.empty() && curl_url_set(handle.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) {
    return fail(Code::invalid_argument, "\"{}\" is not an address", base);
  }
  const auto error = curl_url_set(handle.get(), CURLUPART_URL, owned.c_str(), CURLU_NON_SUPPORT_SCHEME);
  const bool has_nul = text.find('\0') != std::string_view::npos;
  if (error != CURLUE_OK || has_nul) return fail(Code::invalid_argument, "not an address: {}", curl_url_strerror(error));
  return taken_apart(handle.get(), base.empty() ? "the text" : "the target");
}

}  // namespace

Result<Url> Url::parse(std::string_view text) { return parsed({}, text); }

Result<Url> Url::resolve(std::string_view reference) const { return parsed(text, reference); }

std::string escape_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string with_query(std::string url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  return url + escape_query(name) + "=" + escape_query(value);
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace fulcrum::image::registry
