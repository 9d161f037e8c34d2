"""The Docker host: engine, sandboxes, images. Only `engine` imports `docker`; nothing here knows HTTP or queues."""
