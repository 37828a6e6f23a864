package settings

import "strings"

// nearest is the name with the fewest letters to change from the wrong one; the first of several. Names must not be empty.
func nearest(wrong string, names []string) string {
	best, least := "", -1
	for _, name := range names {
		if d := distance(wrong, name); least < 0 || d < least {
			best, least = name, d
		}
	}
	return best
}

// nearestPath is the setting or group that a key of a file was meant to be. A key that stands in the wrong group
// is known by its last word; if that leaves a choice, or none, the letters decide.
func (s *Settings) nearestPath(wrong string) string {
	var all, namesakes []string
	last := wrong[strings.LastIndexByte(wrong, '.')+1:]
	for _, one := range s.all {
		all = append(all, one.Path)
		if strings.HasSuffix(one.Path, "."+last) {
			namesakes = append(namesakes, one.Path)
		}
	}
	if len(namesakes) > 0 {
		return nearest(wrong, namesakes)
	}
	return nearest(wrong, append(all, s.groups...))
}

// distance counts the letters to insert, remove or replace to turn a into b (Levenshtein), whatever their case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
