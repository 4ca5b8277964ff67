#include "image/registry/transport.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <mutex>

namespace fulcrum::image::registry {
namespace {

constexpr std::size_t kMaxErrorBody = 64 << 10;
constexpr std::size_t kMaxHeaders = 256;
constexpr std::size_t kMaxHeaderLine = 32 << 10;
constexpr long kBufferSize = 256 << 10;

struct EasyFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiFree {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListFree>;

void initialise_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The state of one exchange, reached by libcurl's callbacks.
struct Exchange {
  const Request& request;
  CURL* easy = nullptr;
  Response response;
  std::optional<Error> error;  ///< what a callback wants perform() to return
  bool enough = false;         ///< the rest of an error page is not wanted
  bool head_done = false;
  std::uint64_t sent = 0;

  std::uint64_t upload_size() const {
    if (request.file) return request.file->length;
    return request.body ? request.body->size() : 0;
  }
  bool uploads() const { return request.file || request.body; }

  bool keep(Result<> result) {
    if (result) return true;
    error = std::move(result).error();
    return false;
  }

  bool head() {
    if (head_done) return true;
    head_done = true;
    return !response.ok() || !request.on_head || keep(request.on_head(response));
  }

  bool header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      response = {};
      const auto space = line.find(' ');
      if (space != std::string_view::npos) std::from_chars(line.data() + space + 1, line.data() + line.size(), response.status);
      return true;
    }
    if (trimmed(line).empty()) return response.status < 200 || head();
    if (line.size() > kMaxHeaderLine || response.headers.size() >= kMaxHeaders) {
      return keep(fail(Code::resource_exhausted, "the answer has more than {} header fields or a field over {} bytes", kMaxHeaders,
                       kMaxHeaderLine));
    }
    add_header(line);
    return true;
  }

  void add_header(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || head_done) return;
    std::string name(trimmed(line.substr(0, colon)));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string value(trimmed(line.substr(colon + 1)));
    if (name == "content-length") {
      std::uint64_t length = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), length).ec == std::errc()) response.content_length = length;
    }
    response.headers.add(std::move(name), std::move(value));
  }

  bool data(std::string_view bytes) {
    if (!head()) return false;
    if (!response.ok()) {
      const auto room = kMaxErrorBody - response.body.size();
      response.body.append(bytes.substr(0, room));
      enough = bytes.size() > room;
      return !enough;
    }
    if (request.on_data) return keep(request.on_data(bytes));
    if (bytes.size() > request.body_limit - response.body.size()) {
      return keep(fail(Code::resource_exhausted, "the answer is larger than {} bytes", request.body_limit));
    }
    response.body.append(bytes);
    return true;
  }

  std::size_t read(char* into, std::size_t room) {
    const auto left = upload_size() - sent;
    const auto want = std::min<std::uint64_t>(left, room);
    if (request.body) {
      std::memcpy(into, request.body->data() + sent, want);
    } else if (want > 0) {
      const auto got = ::pread(request.file->fd, into, want, static_cast<off_t>(request.file->offset + sent));
      if (got <= 0) {
        error =
            got < 0 ? fail_errno(errno, "read a blob to send").error() : Error{Code::data_loss, "a blob to send is shorter than its size"};
        return CURL_READFUNC_ABORT;
      }
      sent += static_cast<std::uint64_t>(got);
      if (request.on_sent) request.on_sent(sent);
      return static_cast<std::size_t>(got);
    }
    sent += want;
    if (request.on_sent) request.on_sent(sent);
    return want;
  }
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->header({data, size * count}) ? size * count : 0;
}
std::size_t on_write(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->data({data, size * count}) ? size * count : 0;
}
std::size_t on_read(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->read(data, size * count);
}
int on_seek(void* exchange, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange*>(exchange)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

Result<HeaderList> header_list(const Request& request) {
  HeaderList list;
  const auto append = [&list](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return false;
    (void)list.release();
    list.reset(longer);
    return true;
  };
  bool fits = append("Expect:");  // no 100-continue: many registries do not answer it
  for (const auto& line : request.headers) {
    if (line.find_first_of("\r\n") != std::string::npos) return fail(Code::invalid_argument, "a header field contains a line break");
    fits = fits && append(line);
  }
  if (!fits) return fail(Code::resource_exhausted, "out of memory");
  return list;
}

void set_method(CURL* easy, const Exchange& exchange) {
  const auto& request = exchange.request;
  if (exchange.uploads()) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.upload_size()));
  } else if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  if (request.method != "HEAD" && request.method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_limits(CURL* easy, const Timeouts& timeouts) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name look-up under way must not hold up a stop
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(timeouts.connect.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(timeouts.low_speed));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(timeouts.stall.count()));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferSize);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // the answer of a proxy is not the registry's
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "fulcrum/0.1");
}

void set_tls(CURL* easy, const Tls& tls) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.extra_roots.empty()) {
    // The blob takes the place of the default bundle file; the system's folder of roots stays.
    curl_blob roots{const_cast<char*>(tls.extra_roots.data()), tls.extra_roots.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &roots);
  }
  if (!tls.certificate.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key.c_str());
  }
}

bool is_tls_failure(CURLcode code) {
  constexpr std::array kCodes = {CURLE_SSL_CONNECT_ERROR,   CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,  CURLE_SSL_CIPHER,
                                 CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_CACERT_BADFILE,       CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CLIENTCERT,
                                 CURLE_USE_SSL_FAILED,      CURLE_SSL_INVALIDCERTSTATUS};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

Error from_curl(CURLcode code, const char* detail, const Timeouts& timeouts, bool connected) {
  const std::string text = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  if (is_tls_failure(code)) return {Code::failed_precondition, "TLS: " + text};
  switch (static_cast<int>(code)) {
    case CURLE_COULDNT_CONNECT: return {Code::unavailable, text, ECONNREFUSED};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return {Code::unavailable, text, EHOSTUNREACH};
    case CURLE_OPERATION_TIMEDOUT:
      if (!connected) return {Code::unavailable, fmt::format("no connection within {} s", timeouts.connect.count()), EHOSTUNREACH};
      return {Code::unavailable, fmt::format("stalled: less than {} bytes/s for {} s", timeouts.low_speed, timeouts.stall.count()),
              ETIMEDOUT};
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING: return {Code::unavailable, "the connection was cut: " + text, ECONNRESET};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING: return {Code::data_loss, "the answer is no proper HTTP: " + text};
    case CURLE_OUT_OF_MEMORY: return {Code::resource_exhausted, text};
    case CURLE_URL_MALFORMAT: return {Code::invalid_argument, text};
    default: return {Code::unavailable, text};
  }
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [name](const auto& field) { return field.first == name; });
  return found == fields_.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : fields_) {
    if (key == name) out.emplace_back(value);
  }
  return out;
}

struct Transport::Impl {
  // Destroyed in reverse: the easy handle first, as libcurl asks.
  std::unique_ptr<CURLM, MultiFree> multi;
  std::unique_ptr<CURL, EasyFree> easy;

  /// Runs the transfer to its end.
  Result<CURLcode> drive(const Bounds& bounds) {
    while (true) {
      int running = 0;
      if (const auto code = curl_multi_perform(multi.get(), &running); code != CURLM_OK) {
        return fail(Code::internal, "libcurl: {}", curl_multi_strerror(code));
      }
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      TRY(bounds.check());
      auto timeout = std::chrono::milliseconds(1000);
      if (bounds.deadline.at()) {
        const auto until = std::chrono::ceil<std::chrono::milliseconds>(*bounds.deadline.at() - Deadline::Clock::now());
        timeout = std::clamp(until, std::chrono::milliseconds(0), timeout);
      }
      std::array<curl_waitfd, 2> extra = {{{bounds.stop.fd(), CURL_WAIT_POLLIN, 0}, {bounds.group.fd(), CURL_WAIT_POLLIN, 0}}};
      curl_multi_poll(multi.get(), extra.data(), extra.size(), static_cast<int>(timeout.count()), nullptr);
    }
  }
};

Transport::Transport() : impl_(std::make_unique<Impl>()) {
  initialise_once();
  impl_->multi.reset(curl_multi_init());
  impl_->easy.reset(curl_easy_init());
}
Transport::Transport(Transport&&) noexcept = default;
Transport& Transport::operator=(Transport&&) noexcept = default;
Transport::~Transport() = default;

Result<Response> Transport::perform(const Request& request, const Bounds& bounds) {
  CURL* easy = impl_->easy.get();
  if (easy == nullptr || impl_->multi == nullptr) return fail(Code::resource_exhausted, "out of memory");
  TRY(bounds.check());
  Exchange exchange{.request = request, .easy = easy};
  const auto headers = TRY(header_list(request));
  std::array<char, CURL_ERROR_SIZE> detail{};
  curl_easy_reset(easy);  // connections stay
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &on_seek);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, &exchange);
  set_limits(easy, request.timeouts);
  set_method(easy, exchange);
  set_tls(easy, request.tls != nullptr ? *request.tls : Tls());
  curl_multi_add_handle(impl_->multi.get(), easy);
  const auto driven = impl_->drive(bounds);
  long connects = 0;
  curl_off_t connect_time = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &connect_time);
  if (connect_time == 0 && request.url.starts_with("http:")) curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_time);
  curl_multi_remove_handle(impl_->multi.get(), easy);
  if (exchange.error) return std::unexpected(std::move(*exchange.error));
  const auto code = TRY(driven);
  if (code != CURLE_OK && !exchange.enough)
    return std::unexpected(from_curl(code, detail.data(), request.timeouts, connects == 0 || connect_time > 0));
  if (!exchange.head_done && !exchange.head()) return std::unexpected(std::move(*exchange.error));
  return std::move(exchange.response);
}

}  // namespace fulcrum::image::registry
