#include "server/docker/build_printer.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "api/docker/progress_schema.h"
#include "base/sys.h"

namespace fulcrum::server::docker {

using api::docker::ProgressMessage;
using image::build::BuildEvent;

namespace {

constexpr std::size_t kInMemory = 256 << 10;

std::string short_id(std::string_view id) {
  const auto colon = id.find(':');
  return std::string(id.substr(colon == std::string_view::npos ? 0 : colon + 1, 12));
}

ProgressMessage text(std::string stream) { return {.stream = std::move(stream)}; }

ProgressMessage pulled(const BuildEvent& event) {
  ProgressMessage message{.status = event.text, .id = event.id};
  if (event.total > 0) {
    message.progress_detail = {.current = static_cast<std::int64_t>(event.current), .total = static_cast<std::int64_t>(event.total)};
  }
  return message;
}

ProgressMessage message_of(const BuildEvent& event, std::size_t steps) {
  switch (event.kind) {
    case BuildEvent::Kind::step: return text(fmt::format("Step {}/{} : {}\n", event.number, steps, event.text));
    case BuildEvent::Kind::triggers: return text(fmt::format("# Executing {} build trigger{}\n", event.text, event.text == "1" ? "" : "s"));
    case BuildEvent::Kind::pull: return pulled(event);
    case BuildEvent::Kind::running: return text(fmt::format(" ---> Running in {}\n", short_id(event.id)));
    case BuildEvent::Kind::output:
      return text(event.error_output ? "\x1b[91m" + http::valid_utf8(event.text) + "\x1b[0m" : http::valid_utf8(event.text));
    case BuildEvent::Kind::removed: return text(fmt::format(" ---> Removed intermediate container {}\n", short_id(event.id)));
    case BuildEvent::Kind::cached: return text(" ---> Using cache\n");
    case BuildEvent::Kind::done: return text(fmt::format(" ---> {}\n", short_id(event.id)));
    case BuildEvent::Kind::stage_done: return {.aux = api::docker::ProgressResult{.id = event.id}};
  }
  return {};
}

}  // namespace

// ---- lines that wait ----

Result<> HeldLines::add(std::string_view line) {
  memory_ += line;
  if (memory_.size() < kInMemory) return {};
  if (!file_.valid()) file_ = TRY(sys::open(folder_, O_TMPFILE | O_RDWR, 0600), "keep a build's output");
  TRY(sys::write_all(file_.get(), memory_), "keep a build's output");
  memory_.clear();
  return {};
}

Result<> HeldLines::release(const std::function<Result<>(std::string_view)>& take) {
  std::array<char, 64 << 10> buffer;
  for (off_t at = 0; file_.valid();) {
    const auto got = ::pread(file_.get(), buffer.data(), buffer.size(), at);
    if (got < 0) return fail_errno(errno, "read a build's output");
    if (got == 0) break;
    TRY(take({buffer.data(), static_cast<std::size_t>(got)}));
    at += got;
  }
  file_.reset();
  const auto rest = std::move(memory_);
  memory_.clear();
  return rest.empty() ? Result<>() : take(rest);
}

// ---- the printer ----

BuildPrinter::BuildPrinter(http::ResponseWriter& response, const control::PreparedBuild& build, const std::string& folder, bool quiet)
    : response_(response), build_(build), quiet_(quiet), done_(build.plan.stages.size(), false) {
  for (std::size_t i = 0; i < build.plan.stages.size(); ++i) held_.emplace_back(folder);
}

Result<> BuildPrinter::begin() {
  const std::lock_guard lock(mutex_);
  TRY(response_.begin(200, "application/json"));
  for (const auto& warning : build_.file.warnings) TRY(put(0, text(warning.ends_with('\n') ? warning : warning + "\n")));
  return {};
}

Result<> BuildPrinter::write(const ProgressMessage& message) { return response_.write(schema::encode_text(message) + "\r\n"); }

Result<> BuildPrinter::put(std::size_t stage, const ProgressMessage& message) {
  if (stage == live_ && !quiet_) return write(message);
  return held_[stage].add(schema::encode_text(message) + "\r\n");
}

Result<> BuildPrinter::tell(const BuildEvent& event) {
  const auto& stages = build_.plan.stages;
  const auto at = std::find_if(stages.begin(), stages.end(), [&](const auto& stage) { return stage.index == event.stage; });
  if (at == stages.end()) return {};
  const auto stage = static_cast<std::size_t>(at - stages.begin());
  const std::lock_guard lock(mutex_);
  TRY(put(stage, message_of(event, build_.steps)));
  if (event.kind != BuildEvent::Kind::stage_done) return {};
  done_[stage] = true;
  while (!quiet_ && live_ + 1 < stages.size() && done_[live_]) {
    ++live_;
    TRY(held_[live_].release([&](std::string_view lines) { return response_.write(lines); }));
  }
  return {};
}

Result<> BuildPrinter::release_all() {
  for (auto& held : held_) TRY(held.release([&](std::string_view lines) { return response_.write(lines); }));
  return {};
}

Result<> BuildPrinter::finish(const Result<image::build::BuiltImage>& built, const std::optional<image::build::FailedCommand>& failed) {
  const std::lock_guard lock(mutex_);
  if (!built) {
    TRY(release_all());
    ProgressMessage message{.error = built.error().message};
    message.error_detail = {.code = failed ? failed->exit_code : 0, .message = built.error().message};
    return write(message);
  }
  if (quiet_) return write(text(built->id.str() + "\n"));
  if (!built->unconsumed.empty()) {
    std::string names;
    for (const auto& name : built->unconsumed) names += (names.empty() ? "" : " ") + name;
    TRY(write(text(fmt::format("[Warning] One or more build-args [{}] were not consumed\n", names))));
  }
  TRY(write(text(fmt::format("Successfully built {}\n", short_id(built->id.str())))));
  for (const auto& tag : build_.tags) TRY(write(text(fmt::format("Successfully tagged {}\n", tag.familiar()))));
  return {};
}

}  // namespace fulcrum::server::docker
