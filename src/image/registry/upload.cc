#include "image/registry/upload.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

constexpr auto kProgressPeriod = std::chrono::milliseconds(100);
/// A registry hashes and stores a blob before it answers the last request.
constexpr auto kCommitPatience = std::chrono::seconds(300);

class BlobUpload {
 public:
  BlobUpload(Session& session, const Upload& what, int file, const ProgressSink& progress, const Bounds& bounds)
      : session_(session),
        what_(what),
        file_(file),
        progress_(progress),
        bounds_(bounds),
        digest_(what.blob.digest.str()),
        size_(static_cast<std::uint64_t>(what.blob.size)),
        name_("blob " + digest_),
        scope_(push_scope(what.repository)) {}

  Result<> run() {
    if (TRY(exists())) {
      report(BlobStatus::exists, size_);
      return {};
    }
    for (const auto& other : what_.mount_from) {
      if (other == what_.repository || !TRY(mounted(other))) continue;
      report(BlobStatus::mounted, size_);
      return {};
    }
    Retry retry(options().retry);
    while (true) {
      auto failure = size_ <= options().upload_chunk ? whole() : chunked(retry);
      if (!failure) break;
      report(BlobStatus::retrying, 0);
      TRY(retry.again(*failure, bounds_));
    }
    report(BlobStatus::done, size_);
    return {};
  }

 private:
  const Options& options() { return session_.shared().options; }
  std::string uploads() const { return what_.endpoint.address(what_.repository + "/blobs/uploads/"); }

  void report(BlobStatus status, std::uint64_t current) {
    if (progress_) progress_({what_.blob.digest, status, current, size_});
  }

  void report_sent(std::uint64_t current) {
    const auto now = Deadline::Clock::now();
    if (now - reported_ < kProgressPeriod) return;
    reported_ = now;
    report(BlobStatus::uploading, current);
  }

  Request request(std::string method, std::string url) {
    return {.method = std::move(method), .url = std::move(url), .timeouts = options().timeouts};
  }

  Failure failed(Error error) { return failure_from(with_context(std::move(error), name_), session_.shared().hosts.reached()); }

  Result<bool> exists() {
    const auto head = request("HEAD", what_.endpoint.address(what_.repository + "/blobs/" + digest_));
    const auto response = session_.send(what_.endpoint, head, scope_, name_, bounds_);
    if (response) return true;
    if (response.error().code == Code::not_found) return false;
    return std::unexpected(response.error());
  }

  /// Asks for the blob from another repository. Anything but "created" means no: the upload that some registries open instead is closed.
  Result<bool> mounted(const std::string& other) {
    auto url = with_query(with_query(uploads(), "mount", digest_), "from", other);
    auto post = request("POST", std::move(url));
    post.body = "";
    const auto response = session_.try_once(what_.endpoint, std::move(post), scope_ + " " + pull_scope(other), bounds_);
    if (!response) {
      const auto code = response.error().code;
      if (code == Code::cancelled || code == Code::deadline_exceeded) return std::unexpected(response.error());
      return false;
    }
    if (response->status == 202) cancel_upload(*response);
    return response->status == 201;
  }

  /// Best effort: a registry forgets unfinished uploads by itself.
  void cancel_upload(const Response& opened) {
    if (auto url = location(opened)) (void)session_.try_once(what_.endpoint, request("DELETE", *std::move(url)), scope_, bounds_);
  }

  Result<std::string> location(const Response& response) {
    const auto text = response.headers.get("location");
    if (text.empty()) return fail(Code::unknown, "the registry names no address for the upload");
    auto url = TRY(what_.endpoint.base.resolve(text), "address of the upload");
    if (!url.is_secure() && (what_.endpoint.base.is_secure() || !session_.shared().hosts.may_use_plain_http(url))) {
      return fail(Code::permission_denied, "the registry wants the upload without TLS, at {}", url.authority());
    }
    return url.text;
  }

  /// Opens an upload: its address, and the least chunk size that the registry takes.
  std::expected<std::string, Failure> open(std::uint64_t* chunk);
  std::optional<Failure> whole();
  std::optional<Failure> chunked(Retry& retry);
  std::optional<Failure> finish(std::string url, std::optional<FileRange> file);
  std::optional<std::uint64_t> arrived(std::string& url);

  Session& session_;
  const Upload& what_;
  int file_;
  const ProgressSink& progress_;
  const Bounds& bounds_;
  std::string digest_;
  std::uint64_t size_;
  std::string name_;
  std::string scope_;
  Deadline::Clock::time_point reported_{};
};

std::expected<std::string, Failure> BlobUpload::open(std::uint64_t* chunk) {
  auto post = request("POST", uploads());
  post.body = "";
  const auto response = session_.try_once(what_.endpoint, std::move(post), scope_, bounds_);
  if (!response) return std::unexpected(failed(response.error()));
  if (response->status != 202) return std::unexpected(failure_from(*response, "upload " + name_));
  const auto least = response->headers.get("oci-chunk-min-length");
  std::uint64_t bytes = 0;
  if (std::from_chars(least.data(), least.data() + least.size(), bytes).ec == std::errc()) *chunk = std::max(*chunk, bytes);
  auto url = location(*response);
  if (!url) return std::unexpected(failed(url.error()));
  return *std::move(url);
}

/// The closing PUT, with the content or after it.
std::optional<Failure> BlobUpload::finish(std::string url, std::optional<FileRange> file) {
  auto put = request("PUT", with_query(std::move(url), "digest", digest_));
  put.timeouts.stall = std::max<std::chrono::seconds>(put.timeouts.stall, kCommitPatience);
  if (file) {
    put.headers.emplace_back("Content-Type: application/octet-stream");
    put.file = file;
    put.on_sent = [this](std::uint64_t sent) { report_sent(sent); };
  } else {
    put.body = "";
  }
  const auto response = session_.try_once(what_.endpoint, std::move(put), scope_, bounds_);
  if (!response) return failed(response.error());
  if (response->status != 201 && response->status != 204) return failure_from(*response, "upload " + name_);
  const auto stored = response->headers.get("docker-content-digest");
  if (!stored.empty() && stored != digest_) {
    return Failure{.error = {Code::data_loss, fmt::format("{}: the registry says it stored {}", name_, printable(stored, 200))}};
  }
  return std::nullopt;
}

std::optional<Failure> BlobUpload::whole() {
  std::uint64_t chunk = 0;
  auto url = open(&chunk);
  if (!url) return url.error();
  return finish(*std::move(url), FileRange{.fd = file_, .offset = 0, .length = size_});
}

/// Asks how much of the upload has arrived, and where it goes on. Nothing: start anew.
std::optional<std::uint64_t> BlobUpload::arrived(std::string& url) {
  const auto response = session_.try_once(what_.endpoint, request("GET", url), scope_, bounds_);
  if (!response || response->status != 204) return std::nullopt;
  const auto count = parse_upload_range(response->headers.get("range"));
  if (!count || *count > size_) return std::nullopt;
  if (!response->headers.get("location").empty()) {
    auto next = location(*response);
    if (!next) return std::nullopt;
    url = *std::move(next);
  }
  return count;
}

std::optional<Failure> BlobUpload::chunked(Retry& retry) {
  auto chunk = options().upload_chunk;
  auto url = open(&chunk);
  if (!url) return url.error();
  std::uint64_t offset = 0;
  while (offset < size_) {
    const auto length = std::min(chunk, size_ - offset);
    auto patch = request("PATCH", *url);
    patch.headers.emplace_back("Content-Type: application/octet-stream");
    patch.headers.push_back(fmt::format("Content-Range: {}-{}", offset, offset + length - 1));
    patch.file = FileRange{.fd = file_, .offset = offset, .length = length};
    patch.on_sent = [this, offset](std::uint64_t sent) { report_sent(offset + sent); };
    auto response = session_.try_once(what_.endpoint, std::move(patch), scope_, bounds_);
    if (response && response->status == 202) {
      auto next = location(*response);
      if (!next) return failed(next.error());
      url = *std::move(next);
      offset += length;
      retry.progressed();
      continue;
    }
    auto failure = response ? failure_from(*response, "upload " + name_) : failed(response.error());
    if (!failure.retriable && !(response && response->status == 416)) return failure;
    failure.retriable = true;
    if (auto paused = retry.again(failure, bounds_); !paused) return Failure{.error = std::move(paused).error()};
    const auto count = arrived(*url);
    if (!count) return failure;
    if (*count > offset) retry.progressed();
    offset = *count;
    report(BlobStatus::retrying, offset);
  }
  return finish(*std::move(url), std::nullopt);
}

}  // namespace

std::optional<std::uint64_t> parse_upload_range(std::string_view text) {
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  if (!text.starts_with("0-")) return std::nullopt;
  text.remove_prefix(2);
  std::uint64_t last = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), last);
  if (error != std::errc() || end != text.data() + text.size() || last == UINT64_MAX) return std::nullopt;
  // "0-0" is written both for one byte and for none: none is the safe reading, the byte is then sent again.
  return last == 0 ? 0 : last + 1;
}

Result<> upload(Session& session, const Upload& what, const ContentStore& store, const ProgressSink& progress, const Bounds& bounds) {
  const auto file = TRY(store.open(what.blob.digest));
  const auto info = TRY(store.stat(what.blob.digest));
  if (info.size != static_cast<std::uint64_t>(what.blob.size)) {
    return fail(Code::data_loss, "blob {} has {} bytes, its manifest says {}", what.blob.digest.str(), info.size, what.blob.size);
  }
  return BlobUpload(session, what, file.get(), progress, bounds).run();
}

}  // namespace fulcrum::image::registry
