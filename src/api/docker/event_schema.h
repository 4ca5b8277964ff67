// How events travel.
#pragma once

#include "api/docker/event.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::EventActor> {
  using T = api::docker::EventActor;
  static constexpr std::string_view name = "EventActor";
  static constexpr std::string_view doc = "What it happened to.";
  static constexpr auto fields =
      std::tuple{always("ID", &T::id, "Its ID, or its name when that is its ID."), always("Attributes", &T::attributes, "More of it.")};
};

template <>
struct Schema<api::docker::EventMessage> {
  using T = api::docker::EventMessage;
  static constexpr std::string_view name = "EventMessage";
  static constexpr std::string_view doc = "Something that happened.";
  static constexpr auto fields = std::tuple{optional("status", &T::status, "The action again."),
                                            optional("id", &T::id, "The actor's ID again."),
                                            optional("from", &T::from, "The image of a container."),
                                            always("Type", &T::type, "Kind of object."),
                                            always("Action", &T::action, "What happened."),
                                            always("Actor", &T::actor, "What it happened to."),
                                            always("scope", &T::scope, "local."),
                                            always("time", &T::time, "Seconds since the epoch."),
                                            always("timeNano", &T::time_nano, "Nanoseconds since the epoch.")};
};

}  // namespace fulcrum::schema
