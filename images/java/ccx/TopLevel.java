package ccx.build;

import java.nio.file.Path;

/** A top-level class: the file it is in, its name for the launcher, and how well it can be started (see {@link Launch}). */
record TopLevel(Path file, String name, Launch.Rank rank) {}
