"""The tests, by kind: unit, property, contracts, integration, e2e, architecture; bench measures and asserts nothing."""
