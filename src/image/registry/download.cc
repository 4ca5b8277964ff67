#include "image/registry/download.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

constexpr auto kProgressPeriod = std::chrono::milliseconds(100);
/// A try that brought this much does not count against the number of tries.
constexpr std::uint64_t kRealProgress = 64 << 10;

/// Fetches one blob from one endpoint after the other into one writer.
class BlobDownload {
 public:
  BlobDownload(Session& session, const Download& what, const ContentStore& store, const ProgressSink& progress, const Bounds& bounds)
      : session_(session),
        what_(what),
        store_(store),
        progress_(progress),
        bounds_(bounds),
        size_(static_cast<std::uint64_t>(what.blob.size)) {}

  Result<> run() {
    Error last;
    for (const auto& endpoint : what_.endpoints) {
      auto got = from(endpoint);
      if (got) return {};
      last = std::move(got).error();
      if (!another_endpoint_may_help(last)) break;
    }
    return std::unexpected(std::move(last));
  }

 private:
  static bool another_endpoint_may_help(const Error& error) {
    if (error.code == Code::cancelled || error.code == Code::deadline_exceeded) return false;
    return error.code != Code::resource_exhausted || error.sys_errno == 0;  // a full disk stays full
  }

  void report(BlobStatus status, std::uint64_t current) {
    if (progress_) progress_({what_.blob.digest, status, current, size_});
  }

  Result<> from(const Endpoint& endpoint) {
    auto result = verified(endpoint, /*may_resume=*/true);
    // Bytes of two sources that do not fit together: once more from the start, from this one alone.
    if (!result && result.error().code == Code::data_loss && resumed_) result = verified(endpoint, /*may_resume=*/false);
    return result;
  }

  Result<> verified(const Endpoint& endpoint, bool may_resume) {
    auto writer = TRY(store_.writer({.key = what_.blob.digest.str(), .digest = what_.blob.digest, .size = size_}));
    if (!may_resume) TRY(writer.restart());
    resumed_ = writer.offset() > 0;
    const auto filled = fill(writer, endpoint);
    if (!filled) {
      const auto code = filled.error().code;
      const bool resumable = code == Code::unavailable || code == Code::cancelled || code == Code::deadline_exceeded;
      if (!resumable || writer.offset() == 0) writer.discard();
      return filled;
    }
    TRY(writer.commit(), "the registry's blob");
    report(BlobStatus::done, size_);
    return {};
  }

  Result<> fill(BlobWriter& writer, const Endpoint& endpoint) {
    Retry retry(session_.shared().options.retry);
    while (writer.offset() < size_) {
      const auto before = writer.offset();
      auto failure = step(writer, endpoint);
      if (!failure) continue;
      if (writer.offset() >= before + kRealProgress) retry.progressed();
      report(BlobStatus::retrying, writer.offset());
      TRY(retry.again(*failure, bounds_));
      resumed_ = resumed_ || writer.offset() > 0;
    }
    return {};
  }

  /// One request. Nothing: it came to its end.
  std::optional<Failure> step(BlobWriter& writer, const Endpoint& endpoint) {
    const auto& options = session_.shared().options;
    const auto what = "blob " + what_.blob.digest.str();
    Request request{.url = endpoint.address(what_.repository + "/blobs/" + what_.blob.digest.str()), .timeouts = options.timeouts};
    if (writer.offset() > 0) request.headers.push_back(fmt::format("Range: bytes={}-", writer.offset()));
    request.on_head = [&](const Response& head) { return check_head(writer, head); };
    request.on_data = [&](std::string_view data) { return take(writer, data); };
    auto response = session_.try_once(endpoint, std::move(request), pull_scope(what_.repository), bounds_);
    if (!response) return failure_from(with_context(std::move(response).error(), what), session_.shared().hosts.reached());
    if (response->status == 416 && writer.offset() > 0) {
      if (auto again = writer.restart(); !again) return Failure{.error = std::move(again).error()};
      return Failure{.error = error_from(*response, what), .retriable = true};
    }
    if (!response->ok()) return failure_from(*response, what);
    if (writer.offset() == size_) return std::nullopt;
    return Failure{.error = {Code::unavailable, fmt::format("{}: the registry sent {} of {} bytes", what, writer.offset(), size_)},
                   .retriable = true};
  }

  Result<> check_head(BlobWriter& writer, const Response& head) {
    const auto length = head.content_length;
    if (head.status == 206) {
      const auto first = parse_content_range(head.headers.get("content-range"), size_);
      if (!first || *first != writer.offset()) {
        return fail(Code::data_loss, "asked for byte {} and on, the registry sends \"{}\"", writer.offset(),
                    printable(head.headers.get("content-range"), 80));
      }
      return {};
    }
    if (head.status != 200) return fail(Code::data_loss, "the registry answers {} to a download", head.status);
    if (length && *length != size_) return fail(Code::data_loss, "the registry has {} bytes, the manifest says {}", *length, size_);
    if (writer.offset() > 0) TRY(writer.restart());
    return {};
  }

  Result<> take(BlobWriter& writer, std::string_view data) {
    if (data.size() > size_ - writer.offset())
      return fail(Code::data_loss, "the registry sends more than the {} bytes of the manifest", size_);
    TRY(writer.write(data));
    const auto now = Deadline::Clock::now();
    if (now - reported_ >= kProgressPeriod) {
      reported_ = now;
      report(BlobStatus::downloading, writer.offset());
    }
    return {};
  }

  Session& session_;
  const Download& what_;
  const ContentStore& store_;
  const ProgressSink& progress_;
  const Bounds& bounds_;
  std::uint64_t size_;
  bool resumed_ = false;  ///< the partial file has bytes of more than one answer
  Deadline::Clock::time_point reported_{};
};

}  // namespace

std::optional<std::uint64_t> parse_content_range(std::string_view text, std::uint64_t size) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto number = [&text](char end) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (end == '\0') return text.empty() ? std::optional(value) : std::nullopt;
    if (!text.starts_with(end)) return std::nullopt;
    text.remove_prefix(1);
    return value;
  };
  const auto first = number('-');
  const auto last = first ? number('/') : std::nullopt;
  if (!last || *last < *first || *last >= size) return std::nullopt;
  if (text == "*") return first;
  const auto total = number('\0');
  return total == size ? first : std::nullopt;
}

InFlight::Ticket::~Ticket() {
  {
    const std::lock_guard lock(owner_.mutex_);
    owner_.busy_.erase(digest_);
  }
  done_->request_stop();
}

Result<std::unique_ptr<InFlight::Ticket>> InFlight::enter(const Digest& digest, const Bounds& bounds) {
  while (true) {
    std::shared_ptr<StopSource> other;
    {
      const std::lock_guard lock(mutex_);
      const auto [place, mine] = busy_.try_emplace(digest, nullptr);
      if (mine) {
        place->second = std::make_shared<StopSource>();
        return std::make_unique<Ticket>(*this, digest, place->second);
      }
      other = place->second;
    }
    const auto ready = TRY(wait_any(bounds.stop, bounds.deadline, {{bounds.group.fd(), POLLIN}, {other->fd(), POLLIN}}));
    if (ready == 0) return fail(Code::cancelled, "stopped");
  }
}

Result<> download(Session& session, InFlight& in_flight, const Download& what, const ContentStore& store, const ProgressSink& progress,
                  const Bounds& bounds) {
  const auto ticket = TRY(in_flight.enter(what.blob.digest, bounds));
  const auto size = static_cast<std::uint64_t>(what.blob.size);
  if (store.contains(what.blob.digest)) {
    if (progress) progress({what.blob.digest, BlobStatus::exists, size, size});
    return {};
  }
  return BlobDownload(session, what, store, progress, bounds).run();
}

}  // namespace fulcrum::image::registry
