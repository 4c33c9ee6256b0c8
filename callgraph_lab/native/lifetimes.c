#include "lifetimes.h"

#include "table.h"

static PyObject *name_of_finalizer;
static destructor python_dealloc;   /* of classes that were written in Python: it runs the slot */
static destructor python_finalizer; /* what stands in the slot where there is a __del__ in Python */
static struct table watched;        /* address of a class -> 1 */
static bool some_were_missed;
static void (*tell)(PyObject *object);

/* What the slot of a class would have without us: what its __del__ says. It is looked up each time, since a class
 * made later has our slot from its base; where __del__ is set later, Python puts its own in place of ours. */
static destructor
own_finalizer(PyTypeObject *type)
{
    struct raised raised = take_raised(); /* looking up a name may clear an exception that is on its way */
    PyObject *found = _PyType_Lookup(type, name_of_finalizer);
    put_raised_back(raised);
    if (found == NULL) {
        return NULL;
    }
    return Py_IS_TYPE(found, &PyWrapperDescr_Type)
               ? (destructor)((PyWrapperDescrObject *)found)->d_wrapped
               : python_finalizer;
}

static void
finalize(PyObject *object)
{
    destructor own = own_finalizer(Py_TYPE(object));
    if (own != NULL) {
        own(object);
    }
    /* One that __del__ has saved lives on. Those that the garbage collector knows are told apart later. */
    if (PyObject_IS_GC(object) || Py_REFCNT(object) <= 1) {
        tell(object);
    }
}

int
lifetimes_start(void (*ended)(PyObject *object))
{
    tell = ended;
    some_were_missed = false;
    if (name_of_finalizer != NULL) {
        return 0;
    }
    /* class plain: __del__ = None */
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){sO}", "plain", "__del__", Py_None);
    if (type == NULL) {
        return -1;
    }
    python_dealloc = ((PyTypeObject *)type)->tp_dealloc;
    python_finalizer = ((PyTypeObject *)type)->tp_finalize;
    Py_DECREF(type);
    name_of_finalizer = PyUnicode_InternFromString("__del__");
    return name_of_finalizer == NULL ? -1 : 0;
}

void
lifetime_watch(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_dealloc != python_dealloc || type->tp_finalize == finalize) {
        return;
    }
    if (type->tp_finalize != own_finalizer(type)) {
        return; /* somebody else's stands there */
    }
    if (table_get(&watched, (uintptr_t)type) != 0) {
        some_were_missed = true; /* __del__ was set meanwhile; or it is another class at that address */
    }
    else if (!table_put(&watched, (uintptr_t)type, 1)) {
        return;
    }
    type->tp_finalize = finalize; /* never undone: classes made later have it from this one */
}

bool
lifetime_is_watched(PyObject *object)
{
    return Py_TYPE(object)->tp_finalize == finalize && !some_were_missed;
}
