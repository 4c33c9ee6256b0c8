#include "event_ring.h"

#include "records.h"
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_VALUE_BYTES 200u

static struct records records;
static uint64_t keep;
static struct event_record **ring; /* by serial modulo ``keep`` */

void
events_begin(uint64_t keep_events)
{
    records_begin(&records, BLOCK_EVENTS, sizeof(struct event_record));
    keep = keep_events;
    free(ring);
    ring = keep == 0 ? NULL : calloc(keep, sizeof(*ring));
}

void
events_make_room(void)
{
    if (keep != 0) {
        records_next(&records);
    }
}

void
event_read_fields(struct text *text, const struct rule *rule, const struct reading *reading,
                  bool at_entry)
{
    for (int part = 0; part < rule->part_count; part++) {
        const struct source *source = &rule->parts[part].source;
        if (rule->at_exit && source_is_of_self(source) == at_entry) {
            continue;
        }
        size_t start = text->length;
        text_put_chars(text, rule->parts[part].key);
        text_put_byte(text, '\0');
        size_t value = text->length;
        if (!source_put_text(text, source, reading)) {
            text->length = start;
            continue;
        }
        for (size_t place = value; place < text->length; place++) {
            if (text->bytes[place] == '\0') {
                text->bytes[place] = ' '; /* it would end the value */
            }
        }
        text->length = value + text_bytes_within(text->bytes + value, text->length - value,
                                                 LONGEST_VALUE_BYTES);
        text_put_byte(text, '\0');
        if (text->length > EVENT_TEXT_BYTES || text->failed) {
            text->length = start;
            text->failed = false;
        }
    }
}

void
event_put(uint32_t sensor, uint64_t ticks, uint64_t duration, const struct session *session,
          const struct instance *instance, uint32_t context, const struct text *text)
{
    uint64_t serial = arena_count_event();
    struct event_record **place = ring == NULL ? NULL : &ring[serial % keep];
    struct event_record *record = place == NULL ? NULL : *place;
    bool fresh = false;
    if (record != NULL) {
        arena_count_dropped_event();
        MARK_FIRST(record->serial, 0u);
    }
    else if (place != NULL) {
        record = *place = records_next(&records);
        fresh = true;
    }
    if (record == NULL) {
        arena_count_dropped_event();
        return;
    }
    record->ticks = ticks;
    record->duration = duration;
    record->session = session == NULL ? 0 : session->id;
    record->instance = instance == NULL ? 0 : instance->serial;
    record->sensor = sensor;
    record->context = context;
    record->action = instance == NULL ? 0 : instance->action->id;
    record->text_bytes = (uint32_t)text->length;
    if (text->length != 0) {
        memcpy(record->text, text->bytes, text->length);
    }
    PUBLISH(record->serial, serial);
    if (fresh) {
        records_publish(&records);
    }
}
