"""`/_local/project`: delete a project from another process."""

from emulators.core.control import ControlPages
from emulators.gcp.projects import Projects


def add_project_page(control: ControlPages, projects: Projects) -> None:
    """Serve `DELETE /_local/project?id=ID`."""

    def delete(query: dict[str, str], _body: bytes) -> None:
        if query.get("id") not in projects.known():
            raise ValueError(f"id is {query.get('id')!r}: one of {', '.join(projects.known())} is needed")
        projects.delete(query["id"])

    control.add("DELETE", "project", delete)
