// Replies as the steps compare them, for the clients that are written in C++.
#pragma once

#include <string>

#include <hiredis/hiredis.h>

inline std::string TextOf(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_NIL: return "(nil)";
    case REDIS_REPLY_INTEGER: return "(integer) " + std::to_string(reply.integer);
    case REDIS_REPLY_ERROR: return "(error) " + std::string(reply.str, reply.len);
    case REDIS_REPLY_ARRAY: {
      std::string text = "[";
      for (size_t i = 0; i < reply.elements; ++i) {
        text += (i > 0 ? ", " : "") + TextOf(*reply.element[i]);
      }
      return text + "]";
    }
    default: return std::string(reply.str, reply.len);
  }
}
