namespace MeLo.Edge.Engine;

/// <summary>
/// What a run of n images takes, learnt as a straight line from measured runs: a fixed part and a part for each image, by least squares over runs that fade
/// as newer ones come. Safe for concurrent use.
/// </summary>
internal sealed class LinearCost
{
    // About the last thirty runs count: enough for several sizes, few enough to follow a device that becomes warm or busy.
    private const double Keep = 1 - (1 / 32.0);

    private readonly Lock _lock = new();
    private readonly HashSet<int> _seen = [];
    private double _weight, _sumN, _sumNn, _sumT, _sumNt;

    /// <summary>Learns from a run, unless it is the first of its size: that one also pays for what the device prepares for a size (shaders, plans).</summary>
    public void Record(int images, double milliseconds)
    {
        lock (_lock)
        {
            if (_seen.Add(images)) return;
            _weight = (Keep * _weight) + 1;
            _sumN = (Keep * _sumN) + images;
            _sumNn = (Keep * _sumNn) + ((double)images * images);
            _sumT = (Keep * _sumT) + milliseconds;
            _sumNt = (Keep * _sumNt) + (images * milliseconds);
        }
    }

    /// <summary>What a run is expected to take, in milliseconds; null before anything is known.</summary>
    public double? Of(int images)
    {
        lock (_lock)
        {
            if (_weight == 0) return null;
            double meanN = _sumN / _weight, meanT = _sumT / _weight, variance = (_sumNn / _weight) - (meanN * meanN);
            // One size alone says nothing about the fixed part: it is taken for none, as on a device that is full.
            double perImage = variance < 1e-9 ? meanT / meanN : Math.Clamp(((_sumNt / _weight) - (meanN * meanT)) / variance, 0, meanT / meanN);
            return meanT + (perImage * (images - meanN));
        }
    }
}
