#include "image/registry/fetch.h"

#include <time.h>

#include "base/sys.h"
#include "image/registry/transport.h"
#include "image/registry/url.h"

namespace fulcrum::image::registry {

namespace {

constexpr int kMaxRedirects = 10;

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

std::unexpected<Error> refused(const Url& url, int status) {
  Code code = Code::failed_precondition;
  if (status == 404 || status == 410) code = Code::not_found;
  if (status == 401 || status == 403) code = Code::permission_denied;
  if (status >= 500) code = Code::unavailable;
  return fail(code, "{} answered with status {}", url.text, status);
}

/// The file name of `attachment; filename="x"`.
std::string disposition_name(std::string_view field) {
  constexpr std::string_view kName = "filename=";
  const auto at = field.find(kName);
  if (at == std::string_view::npos) return "";
  auto name = field.substr(at + kName.size());
  if (name.starts_with('"')) {
    name = name.substr(1, name.find('"', 1) - 1);
  } else {
    name = name.substr(0, name.find_first_of("; "));
  }
  return std::string(name.substr(name.rfind('/') + 1));
}

}  // namespace

std::optional<std::int64_t> parse_http_date(const std::string& text) {
  struct tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&parts);
}

Result<Fetched> fetch(const FetchSpec& spec, const StopSource& stop) {
  auto url = TRY(Url::parse(spec.url));
  Transport transport;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    Request request{.url = url.text};
    const Tls tls;
    request.tls = &tls;
    request.on_head = [&](const Response& head) -> Result<> {
      total = head.content_length.value_or(0);
      if (total > spec.max_bytes) return fail(Code::resource_exhausted, "{} has more than {} bytes", url.text, spec.max_bytes);
      return {};
    };
    request.on_data = [&](std::string_view data) -> Result<> {
      done += data.size();
      if (done > spec.max_bytes) return fail(Code::resource_exhausted, "{} has more than {} bytes", url.text, spec.max_bytes);
      if (spec.progress) spec.progress(done, total);
      return sys::write_all(spec.file, data);
    };
    const auto response = TRY(transport.perform(request, {.stop = stop}), "fetch {}", url.text);
    const auto location = response.headers.get("location");
    if (response.ok())
      return Fetched{.file_name = disposition_name(response.headers.get("content-disposition")),
                     .last_modified = std::string(response.headers.get("last-modified"))};
    if (!is_redirect(response.status) || location.empty()) return refused(url, response.status);
    auto target = TRY(url.resolve(location), "redirect from {}", url.authority());
    if (url.is_secure() && !target.is_secure())
      return fail(Code::permission_denied, "{} redirects to {} without TLS", url.authority(), target.authority());
    url = std::move(target);
  }
  return fail(Code::failed_precondition, "{} redirects more than {} times", spec.url, kMaxRedirects);
}

}  // namespace fulcrum::image::registry
