#include "image/build/executor.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/stage.h"
#include "image/image_archive.h"

namespace fulcrum::image::build {

namespace {

/// More would only wait: a stage blocks on those before it, steps on their slots.
constexpr std::size_t kMaxThreads = 16;
/// Means something without an ARG.
constexpr const char* kEpochArgument = "SOURCE_DATE_EPOCH";

/// Runs all stages; the first error stops the others.
class Crew {
 public:
  Crew(BuildShared& shared, const StopSource& abort) : shared_(shared), abort_(abort), done_(::eventfd(0, EFD_CLOEXEC)) {}

  Result<> run(const StopSource& stop) {
    if (!done_.valid()) return fail_errno(errno, "make eventfd");
    const auto& stages = shared_.spec.plan.stages;
    running_ = std::min(stages.size(), kMaxThreads);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0, n = running_; i < n; ++i) threads.emplace_back([this] { serve(); });
      const auto finished = wait_any(stop, Deadline::never(), {{done_.get(), POLLIN}});
      if (!finished) report({Code::cancelled, "build cancelled"});
    }  // joins
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  void report(Error error) {
    {
      const std::lock_guard lock(shared_.mutex);
      if (!error_) error_ = std::move(error);
    }
    abort_.request_stop();
  }
  /// Takes stages in order, so that what a stage waits for has always been taken before it.
  void serve() {
    const auto& stages = shared_.spec.plan.stages;
    for (std::size_t i = next_++; i < stages.size() && !abort_.stop_requested(); i = next_++) {
      auto state = StageBuild(shared_, stages[i], first_number(i)).run();
      if (state) {
        shared_.results[stages[i].index].set(std::move(*state));
      } else {
        report(std::move(state.error()));
      }
    }
    if (--running_ == 0) static_cast<void>(::eventfd_write(done_.get(), 1));
  }
  std::size_t first_number(std::size_t position) const {
    auto number = shared_.spec.file.globals.size() + 1;
    for (std::size_t i = 0; i < position; ++i)
      number += 1 + shared_.spec.file.stages[shared_.spec.plan.stages[i].index].instructions.size();
    return number;
  }

  BuildShared& shared_;
  const StopSource& abort_;
  UniqueFd done_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> running_ = 0;
  std::optional<Error> error_;
};

Result<> tell_globals(const BuildSpec& spec, BuildEvents& events) {
  std::size_t number = 0;
  for (const auto& global : spec.file.globals)
    TRY(events.tell(
        {.kind = BuildEvent::Kind::step, .stage = spec.plan.stages.front().index, .number = ++number, .text = global.original}));
  return {};
}

Result<ImageId> record(ImageStore& store, const BuildSpec& spec, const StageState& state, Lease& lease, const StopSource& stop) {
  if (state.base) {
    for (const auto& tag : spec.tags) TRY(store.tag(state.base->str(), tag));
    return *state.base;
  }
  NewImage image{.config = image_config(state), .layers = {}, .tags = spec.tags, .unpack = {}, .parent = state.from};
  for (const auto& layer : state.layers)
    image.layers.push_back({.media_type = layer.media_type, .digest = layer.blob, .size = static_cast<std::int64_t>(layer.size)});
  return make_image(store, image, lease, stop);
}

std::vector<std::string> unconsumed(const BuildShared& shared) {
  auto args = shared.spec.args;
  for (const auto& planned : shared.spec.plan.stages) args.merge_consumed(shared.results[planned.index].get()->config.args);
  auto names = args.unconsumed();
  std::erase(names, kEpochArgument);
  return names;
}

}  // namespace

Result<BuiltImage> build_image(ImageStore& store, const BuildSpec& spec, BuildHost& host, BuildEvents& events, const StopSource& stop,
                               std::optional<FailedCommand>* failed) {
  auto lease = store.lease();
  const auto sources = TRY(open_cache_sources(store, spec.cache_from));
  const auto scratch = TRY(store.layers().scratch());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(scratch)); });
  TRY(sys::make_directories(scratch + "/empty"));
  const StopSource abort;
  BuildShared shared{.store = store,
                     .spec = spec,
                     .host = host,
                     .events = events,
                     .stop = abort,
                     .lease = lease,
                     .cache_sources = sources,
                     .scratch = scratch,
                     .slots = Slots(spec.parallel),
                     .results = std::vector<StageResult>(spec.file.stages.size())};
  TRY(tell_globals(spec, events));
  const auto ran = Crew(shared, abort).run(stop);
  const auto counted = store.build_cache().touch(shared.hits, store.clock().now());
  if (!ran) {
    if (failed != nullptr) *failed = shared.failed;
    return std::unexpected(ran.error());
  }
  TRY(counted);
  const auto& state = *shared.results[spec.plan.target].get();
  return BuiltImage{.id = TRY(record(store, spec, state, lease, stop)), .unconsumed = unconsumed(shared)};
}

Result<std::optional<std::int64_t>> source_date_epoch(const BuildArgs::Values& given) {
  const auto found = given.find(kEpochArgument);
  if (found == given.end() || !found->second || found->second->empty()) return std::nullopt;
  const auto& text = *found->second;
  if (text.size() > 11 || text.find_first_not_of("0123456789") != std::string::npos)
    return fail(Code::invalid_argument, "SOURCE_DATE_EPOCH: \"{}\" is no number of seconds", text.substr(0, 32));
  return std::stoll(text);
}

}  // namespace fulcrum::image::build
