#include "server/docker/event_message.h"

#include <algorithm>
#include <array>

#include "image/reference.h"

namespace fulcrum::server::docker {

namespace wire = api::docker;

namespace {

using Attributes = std::map<std::string, std::string>;

/// Takes an attribute out: the engine's own, which has another name here.
std::string take(Attributes& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return "";
  auto value = std::move(found->second);
  attributes.erase(found);
  return value;
}

void rename(Attributes& attributes, const std::string& from, const std::string& to) {
  if (auto value = take(attributes, from); !value.empty()) attributes[to] = std::move(value);
}

void container_message(wire::EventMessage& m) {
  auto& attributes = m.actor.attributes;
  m.type = "container";
  rename(attributes, "execId", "execID");
  rename(attributes, "imageId", "imageID");
  rename(attributes, "seconds", "execDuration");
  const auto command = take(attributes, "command");
  const auto health = take(attributes, "health");
  if (m.action == "resume") m.action = "unpause";
  if (m.action == "health_status") m.action += ": " + health;
  if ((m.action == "exec_create" || m.action == "exec_start") && !command.empty()) m.action += ": " + command;
  m.status = m.action;
  m.id = m.actor.id;
  if (const auto image = attributes.find("image"); image != attributes.end()) m.from = image->second;
}

std::string repository(const std::string& name) {
  const auto reference = image::Reference::parse(name);
  return reference ? reference->familiar_name() : name;
}

/// What goes over the network is known by its name, the rest by its ID.
void image_message(wire::EventMessage& m, const std::string& name) {
  auto& attributes = m.actor.attributes;
  if (m.action == "pull" || m.action == "push") {
    m.actor.id = name;
    attributes["name"] = repository(name);
  } else {
    attributes["name"] = m.action == "tag" && !name.empty() ? name : m.actor.id;
  }
  m.status = m.action;
  m.id = m.actor.id;
}

void network_message(wire::EventMessage& m, const std::string& name) {
  auto& attributes = m.actor.attributes;
  rename(attributes, "workloadId", "container");
  attributes.erase("workload");
  attributes["name"] = docker_network_name(name);
  attributes.try_emplace("type", "bridge");
}

void volume_message(wire::EventMessage& m) {
  rename(m.actor.attributes, "workloadId", "container");
  m.actor.attributes.erase("workload");
}

/// Whether one of the values is the beginning of the text; also when there are none.
bool begins(const Filters& filters, std::string_view key, std::string_view text) {
  if (!filters.has(key)) return true;
  const auto& values = filters.get(key);
  return std::any_of(values.begin(), values.end(), [&](const std::string& value) { return text.starts_with(value); });
}

bool wanted_action(const Filters& filters, const std::string& action) {
  // These carry a text behind a colon; who names one of them means all of them.
  constexpr std::array<std::string_view, 3> kWithText{"health_status", "exec_create", "exec_start"};
  const auto& values = filters.get("event");
  const bool loose = std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    return std::find(kWithText.begin(), kWithText.end(), value) != kWithText.end();
  });
  return loose ? begins(filters, "event", action) : filters.accepts("event", action);
}

bool wanted_image(const Filters& filters, const wire::EventMessage& m) {
  const auto& attributes = m.actor.attributes;
  const auto found = attributes.find(m.type == "image" ? "name" : "image");
  const auto name = found == attributes.end() ? std::string() : found->second;
  return filters.accepts("image", m.actor.id) || filters.accepts("image", name) || filters.accepts("image", repository(m.actor.id)) ||
         filters.accepts("image", repository(name));
}

}  // namespace

wire::EventMessage event_message(const api::Event& event) {
  const auto nano = event.time.time_since_epoch().count();
  wire::EventMessage m{.type = event.type,
                       .action = event.action,
                       .actor = {.id = event.id, .attributes = event.attributes},
                       .time = nano / 1'000'000'000,
                       .time_nano = nano};
  if (event.type == "workload") {
    container_message(m);
  } else if (event.type == "image") {
    image_message(m, event.name);
  } else if (event.type == "network") {
    network_message(m, event.name);
  } else if (event.type == "volume") {
    volume_message(m);
  }
  return m;
}

bool wanted(const Filters& filters, const wire::EventMessage& m) {
  constexpr std::array<std::string_view, 9> kNamed{"config", "container", "daemon",  "network", "node",
                                                   "plugin", "secret",    "service", "volume"};
  const auto found = m.actor.attributes.find("name");
  const auto name = found == m.actor.attributes.end() ? std::string() : found->second;
  return wanted_action(filters, m.action) && filters.accepts("type", m.type) && filters.accepts("scope", m.scope) &&
         std::all_of(kNamed.begin(), kNamed.end(),
                     [&](std::string_view key) { return begins(filters, key, m.actor.id) || begins(filters, key, name); }) &&
         wanted_image(filters, m) && filters.labels(m.actor.attributes);
}

}  // namespace fulcrum::server::docker
