#include "control/objects.h"

#include <algorithm>

#include "api/workload/codec.h"
#include "base/sys.h"

namespace fulcrum::control {

namespace {

constexpr int kAttempts = 64;  // of a compare-and-swap; each loss means that somebody else made progress

bool looks_like_uid(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

template <class T>
void set_revision(T& object, store::Revision revision) {
  if constexpr (requires { object.metadata.revision; }) object.metadata.revision = revision;
  if constexpr (std::is_same_v<T, api::Event>) object.revision = revision;
}

template <class T>
Result<T> decode(const store::Record& record) {
  T object = TRY(api::from_stored<T>(record.value), "{}", record.key);
  set_revision(object, record.revision);
  return object;
}

std::string stored_text(api::Workload workload) {
  workload.metadata.revision = 0;
  return api::to_json(workload);
}

}  // namespace

std::string workload_key(std::string_view uid) { return std::string(kWorkloads).append(uid); }
std::string name_key(std::string_view name) { return std::string("/names/workload/default/").append(name); }
std::string endpoint_key(std::string_view uid, std::string_view network) { return fmt::format("{}{}/{}", kEndpoints, uid, network); }
std::string new_uid() { return sys::random_hex(32); }
std::string short_id(std::string_view uid) { return std::string(uid.substr(0, 12)); }

Result<api::Workload> decode_workload(const store::Record& record) { return decode<api::Workload>(record); }

Objects::Objects(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

Result<> Objects::open() {
  const auto listing = TRY(store::list_all(store_, kEvents));
  std::int64_t last = 0;
  if (!listing.records.empty()) last = std::strtoll(listing.records.back().key.c_str() + kEvents.size(), nullptr, 10);
  next_event_ = last + 1;
  return {};
}

api::Event Objects::event(std::string type, std::string action, std::string id, std::string name,
                          std::map<std::string, std::string> attributes) const {
  return {.time = clock_.now(),
          .type = std::move(type),
          .action = std::move(action),
          .id = std::move(id),
          .name = std::move(name),
          .attributes = std::move(attributes)};
}

api::Event Objects::event(const api::Workload& workload, std::string action, std::map<std::string, std::string> attributes) const {
  for (const auto& [key, value] : workload.spec.labels) attributes.emplace(key, value);
  attributes["image"] = workload.spec.image;
  attributes["name"] = workload.spec.name;
  return event("workload", std::move(action), workload.metadata.uid, workload.spec.name, std::move(attributes));
}

void Objects::append(store::Transaction& transaction, const std::vector<api::Event>& events) {
  for (const auto& event : events) {
    const auto sequence = next_event_++;
    transaction.operations.push_back(store::Put{fmt::format("{}{:020}", kEvents, sequence), api::to_json(event)});
    if (sequence > kEventRing) transaction.operations.push_back(store::Remove{fmt::format("{}{:020}", kEvents, sequence - kEventRing)});
  }
}

Result<api::Workload> Objects::create(const api::Workload& workload, std::vector<api::Event> events) {
  const auto key = workload_key(workload.metadata.uid);
  const auto name = name_key(workload.spec.name);
  store::Transaction transaction{.compares = {{key, store::kAbsent}, {name, store::kAbsent}},
                                 .operations = {store::Put{key, stored_text(workload)}, store::Put{name, workload.metadata.uid}}};
  append(transaction, events);
  const auto revision = store_.commit(transaction);
  if (!revision && revision.error().code == Code::aborted) {
    const auto holder = TRY(store_.get(name));
    return fail(Code::already_exists, "the name \"{}\" is in use by workload {}", workload.spec.name,
                holder ? short_id(holder->value) : std::string("?"));
  }
  api::Workload created = workload;
  created.metadata.revision = TRY(revision);
  return created;
}

Result<std::optional<api::Workload>> Objects::workload(std::string_view uid) {
  const auto record = TRY(store_.get(workload_key(uid)));
  if (!record) return std::nullopt;
  return TRY(decode_workload(*record));
}

Result<Listed<api::Workload>> Objects::workloads() { return list<api::Workload>(kWorkloads); }

Result<api::Workload> Objects::find(std::string_view reference) {
  if (reference.size() <= 256 && !reference.empty()) {
    if (const auto uid = TRY(store_.get(name_key(reference)))) {
      if (auto found = TRY(workload(uid->value))) return std::move(*found);
    }
  }
  if (!looks_like_uid(reference)) return fail(Code::not_found, "no such workload: {}", reference);
  const auto listing = TRY(store_.list(workload_key(reference), {.limit = 2}));
  if (listing.records.empty()) return fail(Code::not_found, "no such workload: {}", reference);
  if (listing.records.size() > 1) return fail(Code::invalid_argument, "more than one workload's ID begins with {}", reference);
  return decode_workload(listing.records.front());
}

Result<std::optional<api::Workload>> Objects::edit(std::string_view uid, const std::function<Result<bool>(Edit&)>& change) {
  const auto key = workload_key(uid);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto record = TRY(store_.get(key));
    if (!record) return std::nullopt;
    Edit edit{.workload = TRY(decode_workload(*record))};
    if (!TRY(change(edit))) return std::move(edit.workload);
    store::Transaction transaction{.compares = std::move(edit.compares), .operations = std::move(edit.operations)};
    transaction.compares.push_back({key, record->revision});
    if (edit.remove) {
      transaction.operations.push_back(store::Remove{key});
      const auto holder = TRY(store_.get(name_key(edit.workload.spec.name)));
      if (holder && holder->value == uid) transaction.operations.push_back(store::Remove{name_key(edit.workload.spec.name)});
    } else {
      transaction.operations.push_back(store::Put{key, stored_text(edit.workload)});
    }
    append(transaction, edit.events);
    const auto revision = store_.commit(transaction);
    if (revision) {
      edit.workload.metadata.revision = *revision;
      return std::move(edit.workload);
    }
    if (revision.error().code != Code::aborted) return std::unexpected(revision.error());
  }
  return fail(Code::aborted, "workload {} changes too fast", short_id(uid));
}

Result<> Objects::record(std::vector<api::Event> events) {
  store::Transaction transaction;
  append(transaction, events);
  TRY(store_.commit(transaction));
  return {};
}

Result<Listed<api::Event>> Objects::events() {
  auto listed = TRY(list<api::Event>(kEvents));
  // Keys are handed out before the commit; the commit's revision is the order in which things happened.
  std::stable_sort(listed.items.begin(), listed.items.end(), [](const auto& a, const auto& b) { return a.revision < b.revision; });
  return listed;
}

template <class T>
Result<std::optional<Stored<T>>> Objects::get(std::string_view key) {
  const auto record = TRY(store_.get(key));
  if (!record) return std::nullopt;
  return Stored<T>{TRY(decode<T>(*record)), record->revision};
}

template <class T>
Result<Listed<T>> Objects::list(std::string_view prefix) {
  const auto listing = TRY(store::list_all(store_, prefix));
  Listed<T> listed{.revision = listing.revision};
  listed.items.reserve(listing.records.size());
  for (const auto& record : listing.records) listed.items.push_back(TRY(decode<T>(record)));
  return listed;
}

template Result<std::optional<Stored<api::Volume>>> Objects::get(std::string_view);
template Result<std::optional<Stored<api::Network>>> Objects::get(std::string_view);
template Result<std::optional<Stored<api::StoredFile>>> Objects::get(std::string_view);
template Result<Listed<api::Volume>> Objects::list(std::string_view);
template Result<Listed<api::Network>> Objects::list(std::string_view);
template Result<Listed<api::StoredFile>> Objects::list(std::string_view);

}  // namespace fulcrum::control
