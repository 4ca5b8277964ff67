#include "server/docker/progress.h"

#include <algorithm>
#include <array>

#include "api/docker/progress_schema.h"

namespace fulcrum::server::docker {

namespace {

/// As Docker's tools write a size: "1.235MB", four digits, powers of 1000.
std::string human_size(double size) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < kUnits.size(); ++unit) size /= 1000;
  return fmt::format("{:.4g}{}", size, kUnits[unit]);
}

}  // namespace

std::string progress_bar(std::uint64_t current, std::uint64_t total) {
  constexpr std::uint64_t kWidth = 50;
  if (current == 0 && total == 0) return "";
  const auto done = human_size(static_cast<double>(current));
  if (total == 0) return fmt::format("{:>8}", done);
  const auto filled = std::min(kWidth, static_cast<std::uint64_t>(static_cast<double>(current) / static_cast<double>(total) * 100) / 2);
  const auto bar = "[" + std::string(filled, '=') + ">" + std::string(kWidth - filled, ' ') + "] ";
  if (current > total) return bar + fmt::format("{:>8}", done);
  return bar + fmt::format("{:>8}/{}", done, human_size(static_cast<double>(total)));
}

void ProgressStream::write(const api::docker::ProgressMessage& message) {
  const auto line = schema::encode_text(message) + "\r\n";
  const std::lock_guard lock(mutex_);
  if (broken_) return;
  const auto begun = response_.begun() ? Result<>() : response_.begin(200, "application/json");
  broken_ = !begun || !response_.write(line);
}

void ProgressStream::status(std::string text, std::string id) { write({.status = std::move(text), .id = std::move(id)}); }

void ProgressStream::text(std::string text) { write({.stream = std::move(text)}); }

void ProgressStream::progress(std::string id, std::string_view action, std::uint64_t current, std::uint64_t total) {
  write({.status = std::string(action),
         .progress_detail =
             api::docker::ProgressDetail{.current = static_cast<std::int64_t>(current), .total = static_cast<std::int64_t>(total)},
         .progress = progress_bar(current, total),
         .id = std::move(id)});
}

Result<> ProgressStream::finish(const Result<>& outcome) {
  if (outcome) return response_.begun() ? Result<>() : response_.send(200, "application/json", "");
  if (!response_.begun()) return outcome;
  const auto& message = outcome.error().message;
  write({.error_detail = api::docker::ErrorDetail{.message = message}, .error = message});
  return {};
}

void TransferLines::add(const Digest& blob, const std::string& id, bool present) {
  if (!blobs_.emplace(blob, Blob{.id = id, .present = present}).second) return;
  const bool pull = direction_ == Direction::pull;
  stream_.progress(id, !pull ? "Preparing" : present ? "Already exists" : "Pulling fs layer", 0, 0);
}

void TransferLines::step(const control::TransferStep& step) {
  const auto found = blobs_.find(step.blob);
  if (found == blobs_.end()) return;
  direction_ == Direction::pull ? pull_step(found->second, step) : push_step(found->second.id, step);
}

void TransferLines::pull_step(const Blob& blob, const control::TransferStep& step) {
  const auto& id = blob.id;
  if (blob.present) return;
  if (step.status == "waiting") stream_.progress(id, "Waiting", 0, 0);
  if (step.status == "downloading") stream_.progress(id, "Downloading", step.current, step.total);
  if (step.status == "retrying") stream_.progress(id, "Retrying", step.current, step.total);
  if (step.status == "extracting") stream_.progress(id, "Extracting", step.current, step.total);
  if (step.status == "unpacked") stream_.progress(id, "Pull complete", 0, 0);
  if (step.status == "exists") stream_.progress(id, "Download complete", 0, 0);  // another pull fetched it meanwhile
  if (step.status == "done") {
    stream_.progress(id, "Verifying Checksum", 0, 0);
    stream_.progress(id, "Download complete", 0, 0);
  }
}

void TransferLines::push_step(const std::string& id, const control::TransferStep& step) {
  if (step.status == "waiting") stream_.progress(id, "Waiting", 0, 0);
  if (step.status == "exists") stream_.progress(id, "Layer already exists", 0, 0);
  if (step.status == "uploading") stream_.progress(id, "Pushing", step.current, step.total);
  if (step.status == "retrying") stream_.progress(id, "Retrying", step.current, step.total);
  if (step.status == "mounted") stream_.progress(id, "Mounted from another repository", 0, 0);
  if (step.status == "done") stream_.progress(id, "Pushed", 0, 0);
}

}  // namespace fulcrum::server::docker
