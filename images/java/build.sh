#!/bin/sh
# build.sh   Makes /opt/java of the JDK it finds: a run-time image with the compiler, ccx's front end to it, and the archives both start
# from. Then the JDK it came from is removed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
java=/opt/java/bin/java
# What the virtual machine is run with later has to be what its archives are made with: see language.toml.
flags='-XX:+UseSerialGC -XX:-UsePerfData'
# A compiler that ends before the second compiler of the machine would pay does without it.
brief=-XX:TieredStopAtLevel=1

# All of the platform and the compiler; not what inspects, documents, packages or debugs. Classes are compressed: those a common program
# needs come out of the archive anyway.
"$jdk/bin/jlink" --no-header-files --no-man-pages --compress=zip-6 --output /opt/java --add-modules \
    java.se,java.smartcardio,jdk.charsets,jdk.compiler,jdk.crypto.ec,jdk.httpserver,jdk.localedata,jdk.management,jdk.net,jdk.unsupported,jdk.xml.dom,jdk.zipfs

mkdir -p /opt/java/ccx "$here/classes"
/opt/java/bin/javac -Xlint:all -Werror --add-exports jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED -d "$here/classes" "$here"/ccx/*.java
"$jdk/bin/jar" --create --file /opt/java/ccx/compile.jar -C "$here/classes" .

mkdir "$here/work"
cp "$here/Training.java" "$here/work/training.java"
cd "$here/work"
compile() {
    # shellcheck disable=SC2086
    "$java" $flags $brief "$@" -cp /opt/java/ccx/compile.jar ccx.build.Compile training.java .ccx-main -Xlint:all -- training.java
}
run() {
    # shellcheck disable=SC2086
    printf '1\n2\n' | "$java" $flags "$@" -cp . @.ccx-main || [ $? -eq 1 ]
}

# The archive every program starts from: the JDK's own choice of classes and what the training program needed in addition.
"$java" -Xshare:dump >/dev/null
compile
run -XX:DumpLoadedClassList=loaded >/dev/null 2>&1
grep -v -e '^#' -e Training -e 'source:' loaded | cat /opt/java/lib/classlist - | awk '!seen[$0]++' >classes
"$java" -XX:SharedClassListFile=classes -Xshare:dump >/dev/null

# The compiler's own: more than halves its time.
compile -XX:AOTCacheOutput=/opt/java/ccx/compile.aot
rm -f /opt/java/lib/server/classes_*.jsa /opt/java/lib/classlist

# The same for the machine that waits for its program. A class path that is an empty directory is one an archive can be made for, and that
# is what the work directory is when such a machine starts.
install -m 0555 "$here/out/parked" /opt/java/ccx/parked
archive=/opt/java/ccx/parked.aot
flags="$flags -XX:+UnlockDiagnosticVMOptions -XX:-DisplayVMOutput"
mkdir "$here/parked" "$here/empty"
cp "$here/Training.java" "$here/parked/training.java"
cd "$here/parked"
# shellcheck disable=SC2086
printf '1\n2\n' | "$here/out/train" /opt/java/ccx/parked $flags -XX:AOTMode=record -XX:AOTConfiguration="$here/parked.conf" \
    +++ java ccx.build.Compile training.java .ccx-main -- training.java +++ java @.ccx-main || [ $? -eq 1 ]
cd "$here/empty"
# shellcheck disable=SC2086
"$java" $flags -XX:AOTMode=create -XX:AOTConfiguration="$here/parked.conf" -XX:AOTCache=$archive -cp .

for program in java javac; do
    ln -sf "/opt/java/bin/$program" "/usr/local/bin/$program"
done
rm -rf "$jdk" /usr/lib/jvm /etc/java-* /etc/alternatives/*java* /usr/share/java
for link in /usr/bin/*; do
    [ -e "$link" ] || rm -f "$link"
done
