"""The Docker host: engine, sandboxes, images. The only importer of `docker`; it knows nothing of HTTP, queues or
stores.
"""
