"""Tells the test report which tests read the platforms' contracts, so that CI can insist that they ran."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("contracts"):
            item.user_properties.append(("contracts", "yes"))
