/* Stops a starting interpreter at the end of its own start until the job comes, then lets it go on with the job's command line.
 *
 * It is reached from sitecustomize.py, the last that `site` imports; all that is left to do then is to find the script and run it, and
 * that is done by the interpreter itself, from its own configuration. So a parked interpreter is the same as one started with that command line: there is no
 * frame, no module and no flag of ours in it. What cannot be had that way is had by starting anew in the same process. */
#include <Python.h>

#include <linux/prctl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { JOB = 3, JOB_MOST = 65536 };

/* Private to the interpreter, exported for its own test extensions. A version that lacks it cannot be parked: the image's build tells. */
extern const PyConfig *_Py_GetConfig(void);

/* The command line as the job brings it: strings, each with its NUL, one after the other. */
struct job {
    char *at;
    size_t size;
    int count;
    char *arguments[JOB_MOST / 2 + 1];
};

static struct job job;

/* Says that it waits, and waits. False when the runner has hung up. The descriptor is gone afterwards: a program has three. */
static bool receive(void) {
    static char bytes[JOB_MOST];
    ssize_t size = send(JOB, "", 1, MSG_NOSIGNAL) == 1 ? recv(JOB, bytes, sizeof bytes, 0) : -1;
    close(JOB);
    if (size < 2 || bytes[size - 1])
        return false;
    job = (struct job){.at = bytes, .size = size};
    for (char *at = bytes; at < bytes + size; at += strlen(at) + 1)
        job.arguments[job.count++] = at;
    return true;
}

/* Options, a command or a module instead of a script, and the user's own site packages have their say while an interpreter starts. What it
 * makes of a leading dot is not the same in all versions. */
static bool needs_its_own_start(void) {
    const char *home = getenv("HOME");
    char packages[4096];
    snprintf(packages, sizeof packages, "%s/.local", home ? home : "");
    return job.count < 2 || strchr("-.", job.arguments[1][0]) || access(packages, F_OK) == 0;
}

/* Numbers of /proc/self/stat by their place as the manual counts them; the name in the second holds no blank. */
enum { START_CODE = 26, END_CODE, START_STACK, START_DATA = 45, END_DATA, START_BRK, ENV_START = 50, ENV_END, STAT_FIELDS };

static bool read_stat(unsigned long fields[STAT_FIELDS]) {
    FILE *file = fopen("/proc/self/stat", "re");
    int field = 1;
    if (!file)
        return false;
    for (char word[64]; field < STAT_FIELDS && fscanf(file, "%63s", word) == 1; field++)
        fields[field] = strtoul(word, NULL, 10);
    fclose(file);
    return field == STAT_FIELDS;
}

/* What `ps` and /proc/self/cmdline show. Where the kernel does not let it be changed it stays as it was. */
static void show_command_line(void) {
    unsigned long stat[STAT_FIELDS];
    char *copy = mmap(NULL, job.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED || !read_stat(stat))
        return;
    memcpy(copy, job.at, job.size);
    struct prctl_mm_map map = {
        .start_code = stat[START_CODE],
        .end_code = stat[END_CODE],
        .start_data = stat[START_DATA],
        .end_data = stat[END_DATA],
        .start_brk = stat[START_BRK],
        .brk = (unsigned long)sbrk(0),
        .start_stack = stat[START_STACK],
        .arg_start = (unsigned long)copy,
        .arg_end = (unsigned long)copy + job.size,
        .env_start = stat[ENV_START],
        .env_end = stat[ENV_END],
        .exe_fd = (unsigned)-1,
    };
    prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

/* ---- the interpreter's own knowledge of its command line ---- */

static bool set_list(PyWideStringList *list, int from) {
    wchar_t **items = PyMem_RawCalloc(job.count, sizeof *items);
    if (!items)
        return false;
    list->items = items; /* what was there is never freed: a few bytes, once */
    list->length = job.count - from;
    for (int i = from; i < job.count; i++)
        if (!(items[i - from] = Py_DecodeLocale(job.arguments[i], NULL)))
            return false;
    return true;
}

/* As the interpreter does it: the working directory and the name, put together and left at that. */
static wchar_t *absolute(const char *name) {
    char path[2 * 4096 + 2];
    if (name[0] == '/')
        return Py_DecodeLocale(name, NULL);
    if (!getcwd(path, 4096))
        return NULL;
    size_t size = strlen(path);
    snprintf(path + size, sizeof path - size, "/%s", name);
    return Py_DecodeLocale(path, NULL);
}

/* In place: whoever has the list has the new one. */
static bool publish(const char *name, const PyWideStringList *list) {
    PyObject *published = PySys_GetObject(name);
    PyObject *items = PyList_New(0);
    for (Py_ssize_t i = 0; items && i < list->length; i++) {
        PyObject *item = PyUnicode_FromWideChar(list->items[i], -1);
        if (!item || PyList_Append(items, item))
            Py_CLEAR(items);
        Py_XDECREF(item);
    }
    bool done = items && published && PyList_SetSlice(published, 0, PyList_Size(published), items) == 0;
    Py_XDECREF(items);
    return done;
}

static bool adopt(void) {
    PyConfig *config = (PyConfig *)_Py_GetConfig();
    return set_list(&config->orig_argv, 0) && set_list(&config->argv, 1) && (config->run_filename = absolute(job.arguments[1])) &&
           publish("orig_argv", &config->orig_argv) && publish("argv", &config->argv);
}

static PyObject *wait_for_job(PyObject *module, PyObject *nothing) {
    (void)module, (void)nothing;
    if (!receive())
        _exit(1);
    if (needs_its_own_start() || !adopt()) {
        execvp(job.arguments[0], job.arguments);
        _exit(127);
    }
    show_command_line();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"wait_for_job", wait_for_job, METH_NOARGS, NULL}, {0}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "parked", .m_methods = methods};

PyMODINIT_FUNC PyInit_parked(void) {
    return PyModuleDef_Init(&definition);
}
