/* A Java virtual machine that is there before its program: it compiles the program and then runs it, as `java` would.
 *
 * What `java` does is what this does (the launcher's JavaMain of JDK 25), with a pause between the start of the machine and the main class. The
 * class path is the program's alone: our front end to the compiler has a class loader of its own, which no program can find or be mistaken
 * for. Between the two steps nothing of the submission runs: what could have javac run some of its code is left to a compiler of its own.
 *
 * Arguments: options of the virtual machine. */
#include <jni.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTROL = 3, JOB_MOST = 65536, STACK_BYTES = 64 << 20, LAUNCH_CLASS = 1, FAILURE = 3 };

#define FRONT_END "file:/opt/java/ccx/compile.jar"
#define CLASS_PATH "-Djava.class.path=."
#define LAST_OPTION "-XX:OnOutOfMemoryError="
#define LAUNCHER "-Dsun.java.launcher=SUN_STANDARD"

static JavaVM *machine;
static JNIEnv *env;
static int option_count;
static char **options;

/* ---- jobs ---- */

static char bytes[JOB_MOST];
static char *arguments[JOB_MOST / 2 + 1];
static int argument_count;

/* Says that it waits, and waits. Without a runner there is nothing to be done. */
static void next_job(void) {
    ssize_t size = send(CONTROL, "", 1, MSG_NOSIGNAL) == 1 ? recv(CONTROL, bytes, sizeof bytes, 0) : -1;
    if (size < 2 || bytes[size - 1])
        _exit(FAILURE);
    argument_count = 0;
    for (char *at = bytes; at < bytes + size; at += strlen(at) + 1)
        arguments[argument_count++] = at;
    arguments[argument_count] = NULL;
}

/* The place behind that word; 0 if it is not there. */
static int behind(const char *word) {
    for (int i = 0; i < argument_count; i++)
        if (strcmp(arguments[i], word) == 0)
            return i + 1;
    return 0;
}

static void harden(int resource) {
    struct rlimit bounds;
    if (getrlimit(resource, &bounds) == 0) {
        bounds.rlim_max = bounds.rlim_cur;
        setrlimit(resource, &bounds);
    }
}

/* In this process, but from the beginning. What is given back has its input left open for the next step, and limits that it could widen. */
static _Noreturn void start_anew(void) {
    close(CONTROL);
    harden(RLIMIT_FSIZE);
    harden(RLIMIT_NOFILE);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    close(nothing);
    execvp(arguments[0], arguments);
    _exit(127);
}

/* ---- Java ---- */

/* What fails here is ours, and says so on standard error. */
static void *sure(void *reference) {
    if (!reference || (*env)->ExceptionCheck(env)) {
        (*env)->ExceptionDescribe(env);
        _exit(FAILURE);
    }
    return reference;
}

static jclass class_named(const char *name) {
    return sure((*env)->FindClass(env, name));
}

static jstring string(const char *text) {
    jclass type = class_named("java/lang/String");
    jmethodID make = sure((*env)->GetMethodID(env, type, "<init>", "([B)V"));
    jsize size = strlen(text);
    jbyteArray raw = sure((*env)->NewByteArray(env, size));
    (*env)->SetByteArrayRegion(env, raw, 0, size, (const jbyte *)text);
    return sure((*env)->NewObject(env, type, make, raw));
}

static jobjectArray strings(int from, int to) {
    jobjectArray array = sure((*env)->NewObjectArray(env, to - from, class_named("java/lang/String"), NULL));
    for (int i = from; i < to; i++)
        (*env)->SetObjectArrayElement(env, array, i - from, string(arguments[i]));
    return array;
}

/* Its parent sees the modules of the platform, the compiler's among them, but not the class path. */
static jclass load_front_end(void) {
    jclass url_type = class_named("java/net/URL"), loader_type = class_named("java/lang/ClassLoader");
    jclass own_type = class_named("java/net/URLClassLoader"), class_type = class_named("java/lang/Class");
    jmethodID platform = sure((*env)->GetStaticMethodID(env, loader_type, "getPlatformClassLoader", "()Ljava/lang/ClassLoader;"));
    jmethodID make_url = sure((*env)->GetMethodID(env, url_type, "<init>", "(Ljava/lang/String;)V"));
    jmethodID make = sure((*env)->GetMethodID(env, own_type, "<init>", "([Ljava/net/URL;Ljava/lang/ClassLoader;)V"));
    jmethodID load = sure((*env)->GetStaticMethodID(
        env, class_type, "forName", "(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;"));
    jobject url = sure((*env)->NewObject(env, url_type, make_url, string(FRONT_END)));
    jobjectArray urls = sure((*env)->NewObjectArray(env, 1, url_type, url));
    jobject parent = sure((*env)->CallStaticObjectMethod(env, loader_type, platform));
    jobject loader = sure((*env)->NewObject(env, own_type, make, urls, parent));
    return sure((*env)->CallStaticObjectMethod(env, class_type, load, string("ccx.build.Compile"), JNI_TRUE, loader));
}

/* What `--add-exports` would do, which the machine's archives do not go with. */
static void open_compiler(jclass front_end) {
    jclass class_type = class_named("java/lang/Class"), module_type = class_named("java/lang/Module");
    jmethodID module = sure((*env)->GetMethodID(env, class_type, "getModule", "()Ljava/lang/Module;"));
    jmethodID export = sure((*env)->GetMethodID(env, module_type, "implAddExports", "(Ljava/lang/String;Ljava/lang/Module;)V"));
    jobject compiler = sure((*env)->CallObjectMethod(env, class_named("com/sun/tools/javac/api/JavacTaskPool"), module));
    jobject ours = sure((*env)->CallObjectMethod(env, front_end, module));
    (*env)->CallVoidMethod(env, compiler, export, string("com.sun.tools.javac.api"), ours);
    sure(compiler);
}

static void warm_up(jclass front_end) {
    jmethodID method = sure((*env)->GetStaticMethodID(env, front_end, "warmUp", "()V"));
    (*env)->CallStaticVoidMethod(env, front_end, method);
    sure(front_end);
}

/* The name of the main class. Where the program does not compile the process ends in there. */
static jstring compile(jclass front_end) {
    jmethodID method = sure((*env)->GetStaticMethodID(env, front_end, "compile", "([Ljava/lang/String;)Ljava/lang/String;"));
    jobjectArray job = strings(behind("ccx.build.Compile"), argument_count);
    return sure((*env)->CallStaticObjectMethod(env, front_end, method, job));
}

/* ---- the program, as `java` starts it ---- */

static void tell_command(jstring name) {
    jclass system = class_named("java/lang/System"), text = class_named("java/lang/String");
    jmethodID set = sure((*env)->GetStaticMethodID(env, system, "setProperty", "(Ljava/lang/String;Ljava/lang/String;)Ljava/lang/String;"));
    jmethodID join = sure((*env)->GetStaticMethodID(
        env, text, "join", "(Ljava/lang/CharSequence;[Ljava/lang/CharSequence;)Ljava/lang/String;"));
    int from = behind("@.ccx-main") - 1;
    jobjectArray words = strings(from, argument_count);
    (*env)->SetObjectArrayElement(env, words, 0, name);
    jstring command = sure((*env)->CallStaticObjectMethod(env, text, join, string(" "), words));
    (*env)->CallStaticObjectMethod(env, system, set, string("sun.java.command"), command);
    sure(command);
}

static bool launcher_says(jclass helper, const char *field) {
    jfieldID id = sure((*env)->GetStaticFieldID(env, helper, field, "Z"));
    return (*env)->GetStaticBooleanField(env, helper, id);
}

/* A machine that runs already has its options. Those of the submission stand between the last of ours and the class path: language.toml. */
static bool has_options_of_its_own(void) {
    int class_path = behind("-cp"); /* in training there is none */
    return class_path > 1 && strncmp(arguments[class_path - 2], LAST_OPTION, strlen(LAST_OPTION)) != 0;
}

/* Called from here, so that no frame of anybody else's is in the program's stack traces. */
static void call_main(jclass helper, jclass main_class, jobjectArray words) {
    bool is_static = launcher_says(helper, "isStaticMain");
    const char *signature = launcher_says(helper, "noArgMain") ? "()V" : "([Ljava/lang/String;)V";
    if (is_static) {
        jmethodID method = (*env)->GetStaticMethodID(env, main_class, "main", signature);
        if (method)
            (*env)->CallStaticVoidMethod(env, main_class, method, words);
        return;
    }
    jmethodID make = (*env)->GetMethodID(env, main_class, "<init>", "()V");
    jobject object = make ? (*env)->NewObject(env, main_class, make) : NULL;
    jmethodID method = object ? (*env)->GetMethodID(env, main_class, "main", signature) : NULL;
    if (method)
        (*env)->CallVoidMethod(env, object, method, words);
}

static bool run(jstring name) {
    jclass helper = class_named("sun/launcher/LauncherHelper");
    jmethodID load = sure((*env)->GetStaticMethodID(env, helper, "checkAndLoadMain", "(ZILjava/lang/String;)Ljava/lang/Class;"));
    jobjectArray words = strings(behind("@.ccx-main"), argument_count);
    jclass main_class = (*env)->CallStaticObjectMethod(env, helper, load, JNI_TRUE, LAUNCH_CLASS, name);
    if (main_class && !(*env)->ExceptionCheck(env))
        call_main(helper, main_class, words);
    return main_class && !(*env)->ExceptionCheck(env);
}

/* What comes of an exception is up to its thread, which ends here; other threads may go on. */
static int end(bool is_well) {
    (*machine)->DetachCurrentThread(machine);
    (*machine)->DestroyJavaVM(machine);
    return is_well ? 0 : 1;
}

/* ---- the machine ---- */

static void make_machine(void) {
    JavaVMOption *made = calloc(option_count + 2, sizeof *made);
    for (int i = 0; i < option_count; i++)
        made[i].optionString = options[i];
    made[option_count].optionString = CLASS_PATH;
    made[option_count + 1].optionString = LAUNCHER;
    JavaVMInitArgs wishes = {.version = JNI_VERSION_21, .nOptions = option_count + 2, .options = made};
    if (JNI_CreateJavaVM(&machine, (void **)&env, &wishes) != JNI_OK)
        exit(FAILURE);
    free(made);
}

static bool javac_might_run_the_submission(void) {
    int compile_args = behind("ccx.build.Compile") + 2;
    return strcmp(arguments[compile_args], "--") != 0 || access("META-INF", F_OK) == 0;
}

static void *live(void *status) {
    make_machine();
    jclass front_end = load_front_end();
    open_compiler(front_end);
    warm_up(front_end);
    next_job();
    if (!behind("ccx.build.Compile") || javac_might_run_the_submission())
        start_anew();
    jstring name = compile(front_end);
    next_job();
    if (has_options_of_its_own())
        start_anew();
    close(CONTROL);
    tell_command(name);
    *(int *)status = end(run(name));
    return NULL;
}

/* The main thread of a program is one of its own, with a stack as deep recursion wants it: only what is used counts as memory. */
int main(int argc, char **argv) {
    int status = FAILURE;
    pthread_t thread;
    pthread_attr_t attributes;
    option_count = argc - 1;
    options = argv + 1;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, live, &status))
        return FAILURE;
    pthread_join(thread, NULL);
    return status;
}
