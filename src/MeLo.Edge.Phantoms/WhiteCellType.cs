namespace MeLo.Edge.Phantoms;

/// <summary>The white cells, in the order of the labels.</summary>
internal enum WhiteCellType
{
    /// <summary>A nucleus of two lobes among coarse orange granules.</summary>
    Eosinophil,

    /// <summary>Small: a round dense nucleus that fills it, with a blue rim.</summary>
    Lymphocyte,

    /// <summary>Large: a pale kidney-shaped nucleus in gray-blue, with vacuoles.</summary>
    Monocyte,

    /// <summary>A nucleus of three to five lobes on strands, in pink with fine granules.</summary>
    Neutrophil,
}
