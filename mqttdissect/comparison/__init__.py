"""Two captures side by side: which connections and packets stand for one another, and where they differ in meaning."""
