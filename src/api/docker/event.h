// Events as the Engine API tells them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fulcrum::api::docker {

struct EventActor {
  std::string id;
  std::map<std::string, std::string> attributes;
  friend bool operator==(const EventActor&, const EventActor&) = default;
};

struct EventMessage {
  std::string status;  ///< of containers and images, for old clients: the action again
  std::string id;      ///< likewise: of the actor
  std::string from;    ///< likewise: the container's image
  std::string type;
  std::string action;
  EventActor actor;
  std::string scope = "local";
  std::int64_t time = 0;
  std::int64_t time_nano = 0;
};

}  // namespace fulcrum::api::docker
