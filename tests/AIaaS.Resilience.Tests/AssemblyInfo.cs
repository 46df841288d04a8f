// Each test runs whole hosts with trainers of their own: side by side they only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
