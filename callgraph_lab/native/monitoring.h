/* sys.monitoring, as those need it who are told by it (Python 3.12 and later). */

#ifndef CGLAB_MONITORING_H
#define CGLAB_MONITORING_H

#include "compat.h"

#if PY_VERSION_HEX >= 0x030C0000

/* A tool id of one's own; -1 and an exception, which begins with ``what``, where all are taken. */
int monitoring_claim(const char *what);
/* Call a function of sys.monitoring; -1 and an exception. */
int monitoring_ask(const char *name, const char *format, ...);
/* What stands there under a name: a new reference, or NULL and an exception. */
PyObject *monitoring_attribute(const char *name);
/* The number of an event; -1 and an exception. */
int monitoring_event(const char *name);
int monitoring_register(int tool, int event, PyMethodDef *definition);
/* Take callbacks out and free the id. The target may have done that itself. */
void monitoring_release(int tool, const char *const *events, size_t event_count);

#endif

#endif
