#include "image/build/stage.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/expand.h"
#include "image/digest.h"

namespace fulcrum::image::build {

// ---- what stages share ----

oci::ImageConfig image_config(const StageState& state) {
  auto config = state.image;
  config.config = state.config.config;
  config.author = state.config.author.empty() ? state.image.author : state.config.author;
  return config;
}

ImageId image_id(const StageState& state) { return state.base ? *state.base : digest_of(oci::to_json(image_config(state))); }

Slots::Slots(unsigned count) : free_(::eventfd(std::max(count, 1U), EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
  FULCRUM_ASSERT(free_.valid());
}

Slots::Slot::~Slot() {
  if (fd_ >= 0) static_cast<void>(::eventfd_write(fd_, 1));
}

Result<Slots::Slot> Slots::take(const StopSource& stop) {
  for (;;) {
    TRY(wait_any(stop, Deadline::never(), {{free_.get(), POLLIN}}));
    eventfd_t one = 0;
    if (::eventfd_read(free_.get(), &one) == 0) return Slot(free_.get());
    if (errno != EAGAIN && errno != EINTR) return fail_errno(errno, "wait for a turn");
  }
}

StageResult::StageResult() : done_(::eventfd(0, EFD_CLOEXEC)) { FULCRUM_ASSERT(done_.valid()); }

void StageResult::set(StageState state) {
  state_ = std::make_unique<StageState>(std::move(state));
  static_cast<void>(::eventfd_write(done_.get(), 1));
}

Result<const StageState*> StageResult::wait(const StopSource& stop) const {
  TRY(wait_any(stop, Deadline::never(), {{done_.get(), POLLIN}}));
  return state_.get();
}

Result<std::string> BuildShared::workspace() const {
  auto folder = scratch + "/" + sys::random_hex(6);
  for (const char* name : {"/upper", "/work"}) TRY(sys::make_directories(folder + name, 0755));
  return folder;
}

Result<std::vector<std::string>> BuildShared::lowers(const std::vector<ImageLayer>& layers) const {
  std::vector<std::string> folders;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    folders.push_back(store.layers().path(layer->diff_id));
    if (store.layers().hides_lower_layers(layer->diff_id)) break;
  }
  if (folders.empty()) folders.push_back(scratch + "/empty");
  return folders;
}

// ---- a stage ----

StageBuild::StageBuild(BuildShared& shared, const PlannedStage& planned, std::size_t first_number)
    : shared_(shared), planned_(planned), stage_(shared.spec.file.stages[planned.index]), number_(first_number) {}

Result<StageState> StageBuild::run() {
  TRY(tell(BuildEvent::Kind::step, stage_.original));
  TRY(begin());
  TRY(tell(BuildEvent::Kind::done, {}, image_id(state_).str()));
  for (const auto& instruction : stage_.instructions) TRY(step(instruction));
  if (planned_.index == shared_.spec.plan.target)
    for (const auto& [name, value] : shared_.spec.labels) TRY(step(label_instruction(name, value)));
  TRY(tell(BuildEvent::Kind::stage_done, {}, image_id(state_).str()));
  return std::move(state_);
}

Result<> StageBuild::tell(BuildEvent::Kind kind, std::string text, std::string id) {
  return shared_.events.tell({.kind = kind, .stage = planned_.index, .number = number_, .text = std::move(text), .id = std::move(id)});
}

std::string StageBuild::now() const {
  if (shared_.spec.epoch) return format_time(Time(std::chrono::seconds(*shared_.spec.epoch)));
  return format_time(shared_.store.clock().now());
}

Result<> StageBuild::protect(const std::vector<ImageLayer>& layers) {
  for (const auto& layer : layers) {
    shared_.lease.protect(layer.diff_id);
    shared_.lease.protect(layer.blob);
  }
  for (const auto& layer : layers) {
    if (!shared_.store.layers().contains(layer.diff_id)) return fail(Code::data_loss, "layer {} is gone", layer.diff_id.str());
  }
  return {};
}

Result<> StageBuild::begin_on_image(const std::string& reference) {
  const auto& platform = planned_.platform.empty() ? shared_.spec.platform_text : planned_.platform;
  const auto slot = TRY(shared_.slots.take(shared_.stop));
  const auto progress = [&](const std::string& id, std::string_view status, std::uint64_t current, std::uint64_t total) {
    static_cast<void>(shared_.events.tell({.kind = BuildEvent::Kind::pull,
                                           .stage = planned_.index,
                                           .number = number_,
                                           .text = std::string(status),
                                           .id = id,
                                           .current = current,
                                           .total = total}));
  };
  const auto id = TRY(shared_.host.find_image(reference, platform, progress, shared_.stop));
  const auto record = TRY(shared_.store.inspect(id.str()));
  TRY(protect(record.layers));
  state_.image = TRY(oci::parse_image_config(record.config), "image {}", reference);
  state_.layers = record.layers;
  state_.base = id;
  state_.from = id;
  return {};
}

Result<> StageBuild::begin() {
  if (planned_.base.stage) {
    const auto* base = TRY(shared_.results[*planned_.base.stage].wait(shared_.stop));
    state_.image = image_config(*base);
    state_.layers = base->layers;
    state_.base = base->base;
    state_.from = base->from;
    state_.parent = base->parent;
  } else if (planned_.base.image != "scratch") {
    TRY(begin_on_image(planned_.base.image));
  } else {
    const auto& platform = shared_.spec.platform;
    state_.image.architecture = platform.architecture;
    state_.image.variant = platform.variant;
    state_.image.os = platform.os;
  }
  for (const auto& source : shared_.cache_sources)
    if (auto match = CacheMatch::begin(source, state_.image.history, state_.layers)) matches_.push_back(*match);
  state_.config.args = shared_.spec.args.for_stage();
  const auto triggers = begin_stage(state_.config, state_.image.config);
  if (triggers.empty()) return {};
  TRY(tell(BuildEvent::Kind::triggers, std::to_string(triggers.size())));
  for (const auto& trigger : triggers) {
    auto instruction = TRY(parse_instruction(trigger, shared_.spec.file.escape), "ONBUILD {}", trigger);
    TRY(check_supported(instruction));
    TRY(carry_out(std::move(instruction)));
  }
  return {};
}

Result<> StageBuild::step(const Instruction& instruction) {
  ++number_;
  TRY(tell(BuildEvent::Kind::step, instruction.original));
  TRY(carry_out(instruction));
  return tell(BuildEvent::Kind::done, {}, image_id(state_).str());
}

Result<> StageBuild::carry_out(Instruction instruction) {
  if (shared_.stop.stop_requested()) return fail(Code::cancelled, "build cancelled");
  const auto environment = visible_environment(state_.config);
  TRY(expand_instruction(instruction, lookup_in(environment), shared_.spec.file.escape));
  if (const auto* run = std::get_if<Run>(&instruction.what)) return run_command(*run);
  if (std::holds_alternative<Copy>(instruction.what) || std::holds_alternative<Add>(instruction.what)) return transfer(instruction);
  if (std::holds_alternative<Workdir>(instruction.what)) return change_workdir(instruction);
  return change_config(instruction);
}

// ---- cache ----

std::string StageBuild::key_of(std::initializer_list<std::string_view> parts) const {
  std::string text;
  const auto add = [&](std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  };
  for (const auto part : parts) add(part);
  add(shared_.spec.epoch ? std::to_string(*shared_.spec.epoch) : "");
  add(state_.image.architecture + "/" + state_.image.variant);
  for (const auto& layer : state_.layers) add(layer.diff_id.str());
  return std::string(digest_hex(digest_of(text)));
}

/// From here on it stays; false when it has gone already.
bool StageBuild::protect_known(const KnownStep& known) {
  if (!known.layer) return true;
  return protect({*known.layer}).has_value() && shared_.store.content().contains(known.layer->blob);
}

Result<std::optional<KnownStep>> StageBuild::find_by_key(const std::string& key) {
  if (!shared_.spec.use_cache || !shared_.spec.cache_from.empty()) return std::nullopt;
  const auto row = TRY(shared_.store.build_cache().find(key));
  if (!row) return std::nullopt;
  KnownStep known{.key = key, .comment = row->comment, .created = row->created, .layer = {}};
  if (row->layer)
    known.layer = ImageLayer{.diff_id = row->layer->diff_id,
                             .blob = row->layer->diff_id,
                             .media_type = std::string(oci::media::kOciLayer),
                             .size = row->layer->size};
  if (!protect_known(known)) return std::nullopt;
  return known;
}

Result<std::optional<KnownStep>> StageBuild::find(const std::string& key, const std::string& comment) {
  if (!shared_.spec.use_cache) return std::nullopt;
  if (shared_.spec.cache_from.empty()) return find_by_key(key);
  for (const auto& match : matches_) {
    auto known = match.next(comment);
    if (known && protect_known(*known)) return known;
  }
  return std::nullopt;
}

void StageBuild::append(const KnownStep& step) {
  std::erase_if(matches_, [&](CacheMatch& match) { return !match.advance(step.comment, step.layer); });
  if (step.layer) {
    state_.layers.push_back(*step.layer);
    state_.image.rootfs.diff_ids.push_back(step.layer->diff_id);
  }
  state_.image.history.push_back(
      {.created = step.created, .created_by = step.comment, .author = state_.config.author, .empty_layer = !step.layer});
  // Of steps that come from different builds the last one made is not always the last one written.
  state_.image.created = state_.base ? step.created : std::max(state_.image.created, step.created);
  state_.base.reset();
  state_.parent = step.key;
}

Result<> StageBuild::reuse(const KnownStep& known) {
  TRY(tell(BuildEvent::Kind::cached));
  append(known);
  if (known.key.empty()) return {};
  const std::lock_guard lock(shared_.mutex);
  shared_.hits.push_back(known.key);
  return {};
}

Result<> StageBuild::finish(std::initializer_list<std::string> keys, const std::string& comment, const std::optional<BuiltLayer>& layer) {
  const auto parent = state_.parent;
  KnownStep step{.key = *keys.begin(), .comment = comment, .created = now(), .layer = {}};
  if (layer)
    step.layer = ImageLayer{
        .diff_id = layer->diff_id, .blob = layer->diff_id, .media_type = std::string(oci::media::kOciLayer), .size = layer->size};
  append(step);
  const auto time = shared_.store.clock().now();
  for (const auto& key : keys)
    TRY(shared_.store.build_cache().put({.key = key,
                                         .parent = parent,
                                         .comment = comment,
                                         .created = step.created,
                                         .layer = layer,
                                         .added = time,
                                         .used = time,
                                         .uses = 0}));
  return {};
}

}  // namespace fulcrum::image::build
