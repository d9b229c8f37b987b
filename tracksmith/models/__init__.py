"""The models: cards, the plugin hook, the registry, weights, the conformance kit."""
